"""A finished run of a study, from wherever it is: its folder of results, a clone, or an archive."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resonaut import unpacking
from resonaut.archive import layout
from resonaut.config import read_yaml
from resonaut.errors import InputError, MissingFileError
from resonaut.files import read_json

FIGURES = (".png", ".svg")
CHECKS = "review/checks.json"
NOT_RESULTS = ("review", "logs", "benchmarks")
_STAGES = ("simulate", "ingest", "represent", "tag", "generate", "detect", "hunt", "infer", "review")


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        name: how the user named it.
        study: name of the study.
        folder: `results/<study>`.
        configuration: merged; None where only the results are there.
        environment: `environment.json` of an archive; empty where there is none.
    """

    name: str
    study: str
    folder: Path
    configuration: dict[str, Any] | None = None
    environment: dict[str, Any] = field(default_factory=dict)

    def _files(self) -> Iterator[tuple[str, Path]]:
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield layout.study_path(path.relative_to(self.folder).as_posix()), path

    def results(self) -> dict[str, Path]:
        """JSON results by their path below the folder; not the records of runs, nor numbers of figures."""
        return {
            name: path
            for name, path in self._files()
            if name.endswith(".json")
            and not name.endswith(".run.json")
            and (name == CHECKS or name.split("/")[0] not in NOT_RESULTS)
        }

    def figures(self) -> dict[str, Path]:
        """Figures by their path below `review`, without suffix; one file of each."""
        found = {}
        for name, path in self._files():
            if name.startswith("review/") and path.suffix in FIGURES:
                found.setdefault(name.removeprefix("review/").removesuffix(path.suffix), path)
        return found


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[Run]:
    """Open a run: `results/<study>`, a clone with one study, an archive, or an unpacked archive.

    Raises:
        MissingFileError: no such file or folder.
        InputError: no results of a study are there, or those of several.
    """
    path = Path(path)
    if path.is_file():
        with tempfile.TemporaryDirectory(prefix="resonaut-") as scratch:
            folder = Path(scratch) / "archive"
            unpacking.unpack_zip(path, folder)
            yield _unpacked(folder, str(path))
    elif (path / layout.CONFIGURATION).is_file() and (path / layout.SUMS).is_file():
        yield _unpacked(path, str(path))
    elif path.is_dir():
        yield _folder(path)
    else:
        raise MissingFileError(f"{path}: no such file or folder; name results/<study> or an archive (.zip).")


def _unpacked(folder: Path, name: str) -> Run:
    configuration = read_yaml(folder / layout.CONFIGURATION)
    study = configuration.get("study") if isinstance(configuration, dict) else None
    if not isinstance(study, str) or not (folder / layout.RESULTS / study).is_dir():
        raise InputError(
            f"{name}: not an archive of a study: {layout.CONFIGURATION} names the study {study!r}, and "
            f"{layout.RESULTS}/{study} is not there. `resonaut verify` tells more."
        )
    environment = read_json(folder / layout.ENVIRONMENT)
    return Run(name, study, folder / layout.RESULTS / study, configuration, environment)


def _folder(path: Path) -> Run:
    if any((path / stage).is_dir() for stage in _STAGES) and not (path / "results").is_dir():
        return Run(str(path), path.resolve().name, path)
    studies = sorted(
        entry
        for entry in (path / "results").glob("[!_.]*")
        if any((entry / stage).is_dir() for stage in _STAGES)
    )
    if not studies:
        raise InputError(
            f"{path}: no results of a study are here; name results/<study> or an archive (.zip)."
        )
    if len(studies) > 1:
        names = ", ".join(str(study) for study in studies)
        raise InputError(f"{path}: results of {len(studies)} studies are here; name one of {names}.")
    return Run(str(studies[0]), studies[0].name, studies[0])
