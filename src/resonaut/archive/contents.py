"""Which files of a study go into its archive, and under which names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resonaut import pseudo_settings
from resonaut.archive import layout
from resonaut.archive.outputs import Output

if TYPE_CHECKING:
    from resonaut.workflow import Plan

PACKED = frozenset(
    {".json", ".md", ".html", ".csv", ".txt", ".yaml", ".png", ".pdf", ".svg", ".onnx"},
)
"""Suffixes of results that are packed; of HDF5 only spectra are."""
_SPECTRA = re.compile(r"hunt/[^/]+/[^/]+/spectra\.h5")
_PAGE = "review/index.html"
_DATA = "results/_data"
_RECORD = ".run.json"


@dataclass(frozen=True)
class Found:
    """Files of a finished study.

    Attributes:
        made: every output of the rules, folders opened, by path.
        results: those that are packed, by path below `results/<study>`.
        page: the review page; None where it is not among the outputs.
        records: records of runs, by the path of the output below `results/<study>`, or `_data/...`.
        logs, benchmarks: by path below the folder of that name, or `_data/...`.
    """

    made: dict[str, Path]
    results: dict[str, Path]
    page: Path | None
    records: dict[str, Path]
    logs: dict[str, Path]
    benchmarks: dict[str, Path]


def find(plan: Plan, outputs: Iterable[Output], folder: Path) -> Found:
    """Look up the files of a study.

    Args:
        plan: of the study.
        outputs: of `outputs.declared`.
        folder: where Snakemake runs.
    """
    made = {path: file for output in outputs for path, file in _opened(folder, output.path)}
    inside = _below(made, plan.base)
    results = {path: file for path, file in inside.items() if path != _PAGE and _is_packed(plan, path)}
    shared = {path: file for path, file in made.items() if path.startswith(f"{_DATA}/")}
    records = {
        path: Path(f"{file}{_RECORD}")
        for path, file in [*inside.items(), *_below(shared, "results").items()]
        if Path(f"{file}{_RECORD}").is_file()
    }
    return Found(
        made,
        results,
        inside.get(_PAGE),
        records,
        _accounts(plan, folder, layout.LOGS),
        _accounts(plan, folder, layout.BENCHMARKS),
    )


def _opened(folder: Path, path: str) -> list[tuple[str, Path]]:
    """A file, or the files of a folder, without what Snakemake keeps there."""
    place = folder / path
    if not place.is_dir():
        return [(path, place)]
    files = (file for file in sorted(place.rglob("*")) if file.is_file() and not file.name.startswith("."))
    return [(f"{path}/{file.relative_to(place).as_posix()}", file) for file in files]


def _below(files: Mapping[str, Path], base: str) -> dict[str, Path]:
    start = f"{base}/"
    return {path.removeprefix(start): file for path, file in files.items() if path.startswith(start)}


def _is_packed(plan: Plan, path: str) -> bool:
    parts = path.split("/")
    if any(pseudo_settings.of_part(plan.study, part) for part in parts):
        # There may be thousands of pseudo-experiments; their calibration says what they gave.
        return False
    return Path(path).suffix in PACKED or _SPECTRA.fullmatch(path) is not None


def _accounts(plan: Plan, folder: Path, kind: str) -> dict[str, Path]:
    """Logs or benchmarks of the study, and of the simulated events that it uses."""
    study = plan.study
    places = {"": folder / plan.base / kind}
    for name in study.datasets:
        if study.is_simulated(name):
            data = study.data_folder(name)
            places[f"{data.removeprefix('results/')}/"] = folder / data / kind
    return {
        f"{start}{file.relative_to(place).as_posix()}": file
        for start, place in places.items()
        for file in sorted(place.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }
