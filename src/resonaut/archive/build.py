"""Pack a finished study into one file (`archive.layout` says what stands where)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from resonaut import sbom, workflow
from resonaut.archive import (
    configuration,
    contents,
    environment,
    hepdata,
    inputs,
    layout,
    models,
    numbers,
    outputs,
    packing,
    read_me,
    rocrate,
    seeds,
    source,
)
from resonaut.config import read_yaml
from resonaut.errors import InputError, MissingFileError
from resonaut.files import sha256
from resonaut.logs import log

Files = dict[str, Path | bytes]


@dataclass(frozen=True)
class Archive:
    """What was written.

    Attributes:
        path: of the archive.
        n_files: that it holds.
        n_bytes: of the archive.
        sha256: of the archive.
    """

    path: Path
    n_files: int
    n_bytes: int
    sha256: str


def build(
    study_file: str | os.PathLike,
    target: str | os.PathLike | None = None,
    *,
    report: bool = True,
) -> Archive:
    """Pack a study, whole or not at all.

    Args:
        study_file: configuration of the study (YAML); Snakemake has run it in the current folder.
        target: the archive; `results/<study>/archive.zip` by default.
        report: whether Snakemake's report goes along.

    Raises:
        ConfigError: the configuration cannot be used.
        InputError: the study is not finished, or a file cannot be packed.
        OutputError: the archive cannot be written.
    """
    folder = Path.cwd()
    plan = workflow.read(read_yaml(study_file))
    target = Path(target or f"{plan.base}/archive.zip")
    log.info("%s: asking Snakemake what is made", study_file)
    declared = outputs.declared(study_file, folder)
    outputs.require_finished(declared, study_file)
    found = contents.find(plan, declared, folder)
    if found.page is None:
        raise InputError(f"{plan.base}/review/index.html: no rule makes it. Take the whole workflow/.")
    with tempfile.TemporaryDirectory(prefix="resonaut-") as name:
        scratch = Path(name)
        files = _copied(plan.study.study, found)
        # Taken once: what is said of a file is said of the bytes that are packed.
        sums = {name: packing.digest(content) for name, content in files.items()}
        files |= _described(plan.study, found, sums)
        log.info("%s: writing the HEPData submission", study_file)
        submission = hepdata.write(plan.study, found.results, f"results/{plan.study.study}/", scratch)
        files[layout.SUBMISSION] = submission.pop("submission.tar.gz")
        files |= {f"{layout.SUBMISSION_FILES}/{name}": path for name, path in submission.items()}
        if report:
            log.info("%s: Snakemake writes its report", study_file)
            outputs.write_report(study_file, folder, scratch / "report.html")
            files[layout.REPORT] = scratch / "report.html"
        return _finish(plan.study.study, files, sums, found, target)


def _copied(study: str, found: contents.Found) -> Files:
    """What is packed as it is."""
    name = layout.archive_name
    files: Files = {layout.PAGE: found.page}
    files |= {name(f"{layout.RESULTS}/{study}/{path}"): file for path, file in found.results.items()}
    files |= {name(f"{layout.RUNS}/{path}.run.json"): file for path, file in found.records.items()}
    files |= {name(f"{layout.LOGS}/{path}"): file for path, file in found.logs.items()}
    files |= {name(f"{layout.BENCHMARKS}/{path}"): file for path, file in found.benchmarks.items()}
    root = source.root()
    files |= {f"{layout.SOURCE}/{path}": file for path, file in source.files(root).items()}
    lock = root / sbom.LOCK
    if not lock.is_file():
        raise MissingFileError(f"{lock}: no such file; it names the versions that `make` installs.")
    return {**files, layout.LOCK: lock}


def _described(study: Any, found: contents.Found, packed: Mapping[str, str]) -> Files:
    """What is written about the study."""
    root = source.root()
    read = inputs.collect(study)
    merged = yaml.safe_dump(configuration.merged(study), sort_keys=False, allow_unicode=True, width=110)
    start = f"{layout.SOURCE}/"
    sources = {name.removeprefix(start): value for name, value in packed.items() if name.startswith(start)}
    sums = {path: sha256(file) for path, file in found.made.items()}
    sums |= {entry["path"]: entry["sha256"] for entry in read if entry["sha256"]}
    return {
        layout.CONFIGURATION: merged.encode(),
        layout.STUDY_SUMS: packing.checksums(sums).encode(),
        layout.INPUTS: _json(read),
        layout.ENVIRONMENT: _json(environment.describe(root, sources, found.results)),
        layout.BILL: _json(sbom.bill(root / sbom.LOCK)),
        layout.SEEDS: _json(seeds.collect(study.seed, found.records)),
        layout.NUMBERS: _json(numbers.collect(study.study, found.results)),
        layout.MODELS: _json(models.collect(study.study, found.results)),
        **{
            f"{layout.SETTINGS}/{stage}.json": _json(entries)
            for stage, entries in configuration.slices(study).items()
        },
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def _finish(study: str, files: Files, sums: dict[str, str], found: contents.Found, target: Path) -> Archive:
    """Add what is said of the files themselves, and write the archive."""
    files[layout.README] = read_me.write(study, files).encode()
    sums |= {name: packing.digest(content) for name, content in files.items() if name not in sums}
    sizes = {name: _size(content) for name, content in files.items()}
    read = json.loads(files[layout.INPUTS])
    crate = _json(rocrate.describe(study, sums, sizes, found.records.values(), read))
    packing.write_zip(target, {**files, layout.CRATE: crate}, {**sums, layout.CRATE: packing.digest(crate)})
    return Archive(target, len(files) + 2, target.stat().st_size, sha256(target))


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size
