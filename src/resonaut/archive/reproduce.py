"""Run an archive again in a clean folder, and compare every number.

The folder gets `archive/` (unpacked), `clone/` (sources, configuration, links to inputs; the study runs
there) and `reproduction.json`, the report. Nothing of the archive is run before its checksums were compared.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resonaut import __version__, sbom, unpacking
from resonaut.archive import environment, layout, reproduce_inputs, reproduce_numbers, source, tolerances
from resonaut.archive.reproduce_numbers import Files, Numbers
from resonaut.archive.verify import Contents, Findings, listed
from resonaut.archive.verify_files import checksums, sums
from resonaut.errors import InputError, ResonautError

CONFIGURATION = "study.yaml"
STAGES = ("ingest", "represent", "tag", "tune", "generate", "detect", "hunt", "infer")
CHECKS = "review/checks.json"


class ReproductionError(ResonautError):
    """The study of an archive did not run to its end."""

    exit_code = 6


@dataclass(frozen=True)
class Software:
    """What the new run is made with.

    Attributes:
        sources: where the sources are from, in words.
        commit: that the archive names; None outside git.
        differences: of versions and platform; empty on the same machine type.
        notes: what else a reader should know.
    """

    sources: str
    commit: str | None
    differences: list[str]
    notes: list[str]


@dataclass(frozen=True)
class Reproduction:
    """A study that was run again.

    Attributes:
        study: its name.
        software, inputs, numbers, files: what was compared.
        same_machine: by which tolerances the numbers are judged.
        seconds: that the run took.
        seconds_before: wall time of all jobs of the archived run; None if it is not recorded.
    """

    study: str
    software: Software
    inputs: list[reproduce_inputs.Placed]
    numbers: Numbers
    files: Files
    same_machine: bool
    seconds: float
    seconds_before: float | None

    @property
    def agrees(self) -> bool:
        """Whether the study came back: its numbers, and on the same machine type its arrays too."""
        moved = any(entry.path != entry.used for entry in self.inputs)
        # Provenance stands in the files, and names the paths of inputs.
        arrays = not self.same_machine or moved or not (self.files.different or self.files.not_made)
        return arrays and self.numbers.agrees(self.same_machine)


Runner = Callable[[Path, Sequence[str], str], None]


def run_workflow(clone: Path, targets: Sequence[str], cores: str) -> None:
    """Run the study of a clone with the sources in it.

    Raises:
        ReproductionError: it did not run to its end.
    """
    command = [sys.executable, "-m", "resonaut.cli", "run", "--configfile", CONFIGURATION]
    command += ["--cores", cores, "--", *targets]
    done = subprocess.run(
        command, cwd=clone, env={**os.environ, "PYTHONPATH": str(clone / "src")}, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise ReproductionError(
            f"{clone}: the study ended with exit code {done.returncode}; its last words stand above, logs in "
            f"{clone}/results/*/logs. `resonaut run --configfile {CONFIGURATION}` in that folder goes on."
        )


def reproduce(
    path: str | Path,
    folder: Path,
    cores: str = "all",
    data: Sequence[Path] = (),
    same_machine: bool | None = None,
    runner: Runner = run_workflow,
) -> Reproduction:
    """Run an archive again and compare.

    Args:
        path: of the archive.
        folder: new or empty; everything is made there.
        cores: for Snakemake.
        data: where inputs are looked for that the archive does not hold.
        same_machine: judge by the tolerances of the same machine type, or of another; by default that is told
            from versions and platform.
        runner: runs the study; for tests.

    Raises:
        InputError: the archive was changed, or an input is missing.
        OutputError: the folder is not empty.
        ReproductionError: the study did not run to its end.
    """
    archived = folder / "archive"
    contents = Contents(archived, tuple(unpacking.unpack_zip(path, archived)))
    found: Findings = checksums(contents)
    if found.problems:
        raise InputError(
            f"{path}: {listed(found.problems)}. Nothing of it was run; `resonaut verify` tells more."
        )
    clone = folder / "clone"
    software = _software(contents, clone)
    inputs = _inputs(contents, clone, data)
    numbers = contents.json(layout.NUMBERS)["numbers"]
    start = time.monotonic()
    runner(clone, _targets(contents, numbers), cores)
    seconds = time.monotonic() - start
    return Reproduction(
        study=contents.study,
        software=software,
        inputs=inputs,
        numbers=reproduce_numbers.judge(numbers, archived, clone),
        files=reproduce_numbers.compare_files(sums(contents, layout.STUDY_SUMS), clone),
        same_machine=not software.differences if same_machine is None else same_machine,
        seconds=seconds,
        seconds_before=_seconds_before(contents),
    )


def _targets(contents: Contents, numbers: Mapping[str, Any]) -> list[str]:
    """What makes every number, without figures."""
    checks = f"{layout.RESULTS}/{contents.study}/{CHECKS}"
    return [*STAGES, *([checks] if checks in numbers else [])]


def _software(contents: Contents, clone: Path) -> Software:
    """Put sources into the clone and say what differs from the archived run."""
    archived = contents.json(layout.ENVIRONMENT)
    packed = contents.below(layout.SOURCE)
    notes = []
    if packed:
        shutil.copytree(contents.path(layout.SOURCE), clone)
        if source.digest(packed) != archived.get("source_sha256"):
            notes.append("source/ is not what environment.json says")
        sources = "source/ of the archive"
    else:
        for name, path in source.files(source.root()).items():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, clone / name)
        then, now = archived.get("commit"), source.commit(source.root())["commit"]
        sources = f"this checkout, resonaut {__version__} (the archive holds none)"
        if then != now:
            notes.append(f"the archive names the commit {then}, this checkout is {now}")
    differences = tolerances.same_machine(archived, here(), sbom.read_lock(contents.path(layout.LOCK)))
    return Software(sources, archived.get("commit"), differences, notes)


@functools.cache
def here() -> dict[str, Any]:
    """Versions and platform of this process."""
    return environment.describe(Path(__file__).parent, {}, {})


def _inputs(contents: Contents, clone: Path, data: Sequence[Path]) -> list[reproduce_inputs.Placed]:
    import yaml

    entries = contents.json(layout.INPUTS)
    found = reproduce_inputs.find(entries, data)
    configuration = contents.configuration
    placed = reproduce_inputs.place(entries, found, clone, configuration)
    text = yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True)
    (clone / CONFIGURATION).write_text(text, encoding="utf-8")
    return placed


def _seconds_before(contents: Contents) -> float | None:
    """Wall time of all jobs of the archived run, from Snakemake's measurements."""
    total = 0.0
    for path in contents.below(layout.BENCHMARKS).values():
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > 1:
            total += float(lines[1].split("\t")[0])
    return total or None
