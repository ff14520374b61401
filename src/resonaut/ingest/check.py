"""Compare the datasets of a study with their files, before anything is run."""

from __future__ import annotations

from resonaut import registry
from resonaut.config import Study
from resonaut.datasets import FileDataset
from resonaut.errors import ResonautError
from resonaut.filelist import is_remote
from resonaut.ingest.contents import contents_of, find_reader, kind_of, opened
from resonaut.ingest.settings import IngestSettings
from resonaut.settings import validate


def check_study(study: Study) -> None:
    """Open the first local file of each dataset, find its reader, and compare the reader's options with it.

    Raises:
        ConfigError: an option names what the file does not hold; the nearest name is given.
        InputError: a file cannot be read, or no reader knows it.
    """
    for name, dataset in sorted(study.datasets.items()):
        if isinstance(dataset.settings, FileDataset) and dataset.settings.on_bad_file == "fail":
            _check(f"datasets.{name}", dataset.settings, study.ingest)


def _check(where: str, dataset: FileDataset, settings: IngestSettings) -> None:
    try:
        path = next((entry.path for entry in dataset.listed if not is_remote(entry.path)), None)
        if path is None:
            return
        kind = kind_of(path, settings.remote)
        with opened(path, kind, settings.remote) as file:
            contents = contents_of(file, path, kind)
            module = registry.load("ingest", find_reader(contents, dataset.reader))
            options = validate(module.Settings, dataset.options, "options")
            if hasattr(module, "check_file"):
                module.check_file(contents, options)
    except ResonautError as error:
        raise type(error)(f"{where}: {error}") from None
