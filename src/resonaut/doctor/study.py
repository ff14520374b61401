"""A study: its configuration, its files of events, what it takes, and what a killed run left."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from resonaut.doctor.finding import Finding
from resonaut.errors import ResonautError
from resonaut.filelist import is_remote
from resonaut.watching import jobs

SIMULATED_BYTES = 8_500
"""Of an event that is simulated, stored and represented: 438 MB for the 54,000 of the demo."""
PER_BYTE = 3.0
"""Bytes of store and representations, for each byte of the files that are read; the demo takes 1.6."""
_SHOWN = 3


def configuration(path: Path) -> tuple[Finding, Any]:
    """Whether the configuration is valid; and the study, None if it is not."""
    from resonaut.config import load

    try:
        study = load(path)
        # What is planned looks the files up: a pattern may match nothing.
        for name in study.datasets:
            study.chunks(name)
    except ResonautError as error:
        return Finding(
            "configuration", "red", str(error), f"correct {path}; every key: config/README.md"
        ), None
    text = f"{path}: study '{study.study}', {len(study.datasets)} datasets, {len(study.searches())} searches"
    return Finding("configuration", "green", text), study


def data(study: Any) -> list[Finding]:
    """Whether the local files of each dataset are there, can be read and are not empty."""
    found = []
    for name, dataset in sorted(study.datasets.items()):
        if not hasattr(dataset.settings, "listed"):
            continue
        paths = [entry.path for entry in dataset.settings.listed]
        local = [path for path in paths if not is_remote(path)]
        wrong = [f"{path} ({reason})" for path in local if (reason := _fault(path))]
        remote = f", {len(paths) - len(local)} remote ones not looked at" if len(local) < len(paths) else ""
        what = f"data: {name}"
        if wrong:
            more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            skipped = dataset.settings.on_bad_file == "skip"
            fix = f"copy them again, or correct datasets.{name}.files (on_bad_file: skip leaves them out)"
            text = f"{len(wrong)} of {len(local)} files: {'; '.join(wrong[:_SHOWN])}{more}{remote}"
            found.append(Finding(what, "yellow" if skipped else "red", text, fix))
        else:
            found.append(Finding(what, "green", f"{len(local)} local files are there{remote}"))
    return found


def _fault(path: str) -> str:
    """Why a local file cannot be read; empty where it can."""
    if not os.path.exists(path):
        return "does not exist"
    if not os.path.isfile(path):
        return "is a folder"
    if not os.access(path, os.R_OK):
        return "may not be read"
    return "" if os.path.getsize(path) else "is empty"


def reads_xrootd(study: Any) -> bool:
    """Whether a dataset has root:// addresses."""
    settings = [dataset.settings for dataset in study.datasets.values()]
    files = [entry.path for one in settings if hasattr(one, "listed") for entry in one.listed]
    return any(path.startswith(("root://", "xrootd://", "roots://")) for path in files)


def bytes_needed(study: Any) -> float:
    """Bytes below `results/` in the end, an estimate from the demo."""
    total = 0.0
    for name, dataset in study.datasets.items():
        if study.is_simulated(name):
            total += SIMULATED_BYTES * sum(dataset.settings.chunk_sizes())
        elif hasattr(dataset.settings, "listed"):
            for entry in dataset.settings.listed:
                known = entry.size
                if known is None and not is_remote(entry.path) and os.path.exists(entry.path):
                    known = os.path.getsize(entry.path)
                total += PER_BYTE * (known or 0)
    return total


def bytes_made(study: Any, folder: Path) -> float:
    """Bytes of the study that are there."""
    places = {f"results/{study.study}"}
    places |= {study.data_folder(name) for name in study.datasets if study.is_simulated(name)}
    files = (path for place in places for path in (folder / place).rglob("*") if path.is_file())
    return float(sum(path.stat().st_size for path in files))


def lock(folder: Path) -> Finding:
    """Whether Snakemake runs here, or was killed here."""
    if not (folder / "Snakefile").exists():
        fix = "start in the root of the clone, or in a folder that `resonaut init` made"
        return Finding("Snakemake", "red", f"{folder} holds no Snakefile", fix)
    locked = any((folder / ".snakemake" / "locks").glob("*.lock"))
    owners = jobs.owners(folder)
    alive = [owner for owner in owners if owner.alive]
    if alive:
        pids = ", ".join(str(owner.pid) for owner in alive)
        return Finding(
            "Snakemake", "yellow", f"runs here (pid {pids})", "`resonaut status` shows how far it is"
        )
    elsewhere = [owner for owner in owners if owner.alive is None]
    if elsewhere:
        fix = "see that it is dead there, then delete .snakemake/resonaut/owner/*.json"
        return Finding("Snakemake", "yellow", f"was started on {elsewhere[0].host}, and has not ended", fix)
    if locked or owners:
        return Finding(
            "Snakemake", "yellow", "was killed here, and left its lock", "resonaut run cleans it up"
        )
    return Finding("Snakemake", "green", "no run and no lock here")
