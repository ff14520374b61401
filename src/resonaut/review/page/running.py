"""Software, seeds, times and costs: how the results were made.

Times differ from run to run. The page states them; no result depends on them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from resonaut.files import read_json
from resonaut.review.page import words
from resonaut.review.page.contents import Contents
from resonaut.review.page.html import Cell, definitions, folded, numeric, paragraph, table
from resonaut.review.reading import find_key

STAGES = ("simulate", "ingest", "represent", "tag", "tune", "generate", "detect", "hunt", "infer", "review")

_OWN_COSTS, _OWN_RECORD = "review/index.tsv", "review/index.html.run.json"
"""What the page itself took: it cannot know, and a page that is written again should not change."""


@dataclass
class Cost:
    """What the jobs of one stage took together.

    Attributes:
        wall, cpu: seconds, summed over jobs.
        longest: seconds of the longest job.
        memory: MB, of the job that took most.
    """

    jobs: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    longest: float = 0.0
    memory: float = 0.0

    def add(self, row: Mapping[str, str]) -> None:
        """Add a job, a line of Snakemake's benchmark."""
        wall = _number(row.get("s"))
        self.jobs += 1
        self.wall += wall
        self.cpu += _number(row.get("cpu_time"))
        self.longest = max(self.longest, wall)
        self.memory = max(self.memory, _number(row.get("max_rss")))


def _number(value: str | None) -> float:
    """Snakemake writes NA or - for a job that ended before it was looked at."""
    try:
        return float(value or 0)
    except ValueError:
        return 0.0


def costs(contents: Contents) -> dict[str, Cost]:
    """Costs by stage, from the benchmarks below the study's folder and those of its simulated events."""
    found: dict[str, Cost] = {}
    folders = [contents.folder / "benchmarks", *(Path(name) / "benchmarks" for name in contents.slice.events)]
    for folder in folders:
        for path in sorted(set(folder.rglob("*.tsv")) - {folder / _OWN_COSTS}):
            stage = path.relative_to(folder).parts[0].removesuffix(".tsv").split("_")[0].split(".")[0]
            stage = "simulate" if folder != folders[0] else stage
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file, delimiter="\t"):
                    found.setdefault(stage, Cost()).add(row)
    known = {stage: found[stage] for stage in STAGES if stage in found}
    return known | {stage: found[stage] for stage in sorted(set(found) - set(known))}


def body_costs(contents: Contents) -> str:
    """The table of costs, and where the jobs ran."""
    found = costs(contents)
    if not found:
        return ""
    total = Cost(
        sum(c.jobs for c in found.values()),
        sum(c.wall for c in found.values()),
        sum(c.cpu for c in found.values()),
        max(c.longest for c in found.values()),
        max(c.memory for c in found.values()),
    )
    rows = [
        [
            Cell(escape(name)),
            *numeric(
                words.count(cost.jobs),
                words.seconds(cost.wall),
                words.seconds(cost.cpu),
                words.seconds(cost.longest),
                f"{words.count(cost.memory)}",
            ),
        ]
        for name, cost in [*found.items(), ("all", total)]
    ]
    head = ("Stage", "Jobs", "Wall time, summed", "CPU time, summed", "Longest job", "Most memory [MB]")
    lead = paragraph("As measured in this run; another run, or another machine, takes other times.")
    return lead + table(head, rows) + _places(contents)


def _records(contents: Contents) -> Iterator[Mapping[str, Any]]:
    for path in sorted(set(contents.folder.rglob("*.run.json")) - {contents.folder / _OWN_RECORD}):
        yield read_json(path)


def _places(contents: Contents) -> str:
    """Machines, GPUs and batch jobs, and when."""
    records = list(_records(contents))
    if not records:
        return ""
    hosts = sorted({str(record["host"]) for record in records if record.get("host")})
    devices = sorted({str(r["cuda_visible_devices"]) for r in records if r.get("cuda_visible_devices")})
    jobs = {str(record["slurm_job_id"]) for record in records if record.get("slurm_job_id")}
    times = sorted(str(record["started"]) for record in records if record.get("started"))
    entries = {
        "Machines": escape(", ".join(hosts)) or words.NOTHING,
        "GPUs (CUDA_VISIBLE_DEVICES)": escape(", ".join(devices)) or "none",
        "Slurm jobs": words.count(len(jobs)) if jobs else "none",
        "First and last start": escape(f"{times[0]} to {times[-1]}") if times else words.NOTHING,
        "Records": f"{words.count(len(records))} files <code>*.run.json</code> beside the results",
    }
    return definitions(entries)


def software(contents: Contents) -> str:
    """Versions of all packages that results name."""
    found: dict[str, set[str]] = {}
    for content in contents.results.values():
        versions = ((content.get("provenance") or {}) if isinstance(content, Mapping) else {}).get("versions")
        for name, version in (versions or {}).items():
            found.setdefault(name, set()).add(str(version))
    if not found:
        return ""
    first = [name for name in ("resonaut", "python") if name in found]
    names = [*first, *sorted(set(found) - set(first))]
    rows = [[Cell(escape(name)), Cell(escape(", ".join(sorted(found[name]))))] for name in names]
    mixed = [name for name in names if len(found[name]) > 1]
    told = "Versions that the results record."
    if mixed:
        told += f" <strong>Results were made with different versions of {escape(', '.join(mixed))}.</strong>"
    return paragraph(told) + table(("Package", "Version"), rows)


def seeds(contents: Contents) -> str:
    """The study's seed, results that were made with another one, and how others follow from it."""
    told = (
        f"The study's one seed is <strong>{contents.slice.seed}</strong>. Every other seed follows from it "
        "and from names (stage, data set, method, mixture, window, fold, restart), never from a position: "
        "<code>numpy.random.SeedSequence([seed, *words])</code>, a word being the first 8 bytes of the "
        "SHA-256 of a name."
    )
    found = {}
    for name, content in contents.results.items():
        settings = (content.get("provenance") or {}).get("settings") if isinstance(content, Mapping) else None
        seed = find_key(settings, "seed")
        if seed is not None:
            found[name] = seed
    other = {name: seed for name, seed in found.items() if seed != contents.slice.seed}
    parts = [paragraph(told)]
    if other:
        rows = [[Cell(escape(name), "key"), *numeric(str(seed))] for name, seed in other.items()]
        parts.append(table(("Result with another seed", "Seed"), rows))
    elif found:
        parts.append(paragraph(f"All {words.count(len(found))} results that record a seed record this one."))
    return "".join(parts)


def sources(contents: Contents) -> str:
    """The results that the page quotes, with their checksums."""
    rows = [
        [Cell(escape(name), "key"), Cell(digest, "key wide")] for name, digest in contents.checksums().items()
    ]
    if not rows:
        return ""
    lead = paragraph(
        f"Every number on this page stands in one of {words.count(len(rows))} JSON files below "
        f"<code>{escape(str(contents.folder))}</code>."
    )
    return lead + folded("Files and their SHA-256", table(("File", "SHA-256"), rows))
