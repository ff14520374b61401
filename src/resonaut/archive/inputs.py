"""Files that a study reads and does not make, with their checksums."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resonaut.datasets import FileDataset
from resonaut.filelist import InputFile, is_remote
from resonaut.files import sha256

if TYPE_CHECKING:
    from resonaut.config import Study

_SHA256 = "sha256:"


def collect(study: Study) -> list[dict[str, Any]]:
    """`inputs.json`: files of events, their manifests, and networks that a training starts from.

    A local file is read; of a remote one stands what its manifest says. Files that may be absent
    (`on_bad_file: skip`) and are, are left out.

    Raises:
        MissingFileError: a file is not there.
    """
    found = []
    for dataset, file in _files(study):
        entry = {"dataset": dataset, "path": file.path, "bytes": file.size, "sha256": None}
        if not is_remote(file.path):
            path = Path(file.path)
            entry["sha256"] = sha256(path)
            entry["bytes"] = path.stat().st_size
        elif file.checksum and file.checksum.startswith(_SHA256):
            entry["sha256"] = file.checksum.removeprefix(_SHA256)
        found.append(entry)
    return sorted(found, key=lambda entry: (entry["path"], entry["dataset"] or ""))


def _files(study: Study) -> Iterator[tuple[str | None, InputFile]]:
    for name, dataset in study.datasets.items():
        settings = dataset.settings
        if not isinstance(settings, FileDataset):
            continue
        if settings.manifest is not None:
            yield None, InputFile(settings.manifest)
        for file in settings.listed:
            absent = not is_remote(file.path) and not Path(file.path).exists()
            if not (absent and settings.on_bad_file == "skip"):
                yield name, file
    for tagger in study.tag.values():
        start = tagger.transfer and tagger.transfer.start_from
        if start and start not in study.tag:
            yield None, InputFile(start)
