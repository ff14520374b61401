"""What 10^6, 10^8 and 10^10 events would cost, from what a finished study did cost.

    python tests/bench/scaling.py results demo tiny [--dataset qcd] [--chunk-events 12000 200000 2000000]

Two studies whose chunks differ in size tell what a job costs from what an event costs. Read are the run
records (`<output>.run.json`: processor time and memory of each job), the sizes of the files and their numbers
of events. Nothing is run. Printed are the costs, and a table in Markdown with its assumptions.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

TOTALS = (10**6, 10**8, 10**10)
STEPS = ("simulate", "ingest", "features", "images", "clouds")
TRAININGS = {
    "tag": "tag/*/training.json",
    "generate": "generate/*/training.json",
    "judge generators": "generate/*/evaluation.json",
    "detect": "detect/*/*/scores.h5",
}
BY_EVENT = ("represent/mixtures/*.h5", "hunt/*/*/*.json", "hunt/*/*/spectra.h5", "infer/*/global.json")
"""Further jobs that read each event; all others see histograms, and cost the same for any number."""


@dataclass(frozen=True)
class Line:
    """A cost, start + slope * events."""

    start: float
    slope: float

    @classmethod
    def of(cls, events: list[float], costs: list[float]) -> Line:
        """The least squares of points; through the origin where all have the same number of events."""
        if len(set(events)) < 2:
            return cls(0.0, float(np.mean(costs) / np.mean(events)))
        slope, start = np.polyfit(events, costs, 1)
        return cls(max(float(start), 0.0), float(slope))


def record(path: Path) -> dict[str, Any]:
    """The run record of an output."""
    return json.loads(Path(f"{path}.run.json").read_text())


def chunks(results: Path, study: str, dataset: str) -> list[tuple[str, int, Path]]:
    """(step, events generated, file) of each chunk of a dataset."""
    found = []
    for store in sorted((results / study / "ingest" / dataset / "nominal").glob("*/*.h5")):
        with h5py.File(store) as file:
            number = int(file.attrs["n_generated"])
        source = re.search(r"_data/[\w/-]+\.\w+", record(store)["command"]).group()
        found += [("simulate", number, results / source), ("ingest", number, store)]
        name = store.relative_to(store.parents[1])
        folder = results / study / "represent" / dataset / "nominal"
        found += [
            (kind, number, folder / kind / name) for kind in STEPS[2:] if (folder / kind / name).exists()
        ]
    return found


def of_chunks(results: Path, studies: list[str], dataset: str) -> dict[str, dict[str, Line]]:
    """Processor seconds and bytes of each step."""
    files = [entry for study in studies for entry in chunks(results, study, dataset)]
    costs = {}
    for step in STEPS:
        mine = [(events, path) for name, events, path in files if name == step]
        if mine:
            events = [float(number) for number, _ in mine]
            costs[step] = {
                "seconds": Line.of(events, [record(path)["cpu_seconds"] for _, path in mine]),
                "bytes": Line.of(events, [float(path.stat().st_size) for _, path in mine]),
            }
    return costs


def selected(results: Path, study: str, dataset: str) -> tuple[int, int]:
    """Events of a dataset that were generated, and that pass all cuts."""
    listed = json.loads((results / study / "represent" / dataset / "nominal/features.json").read_text())
    return listed["n_generated"], listed["cut_flow"][list(listed["cut_flow"])[-1]]


def of_trainings(results: Path, studies: list[str], dataset: str) -> dict[str, dict[str, float]]:
    """Processor seconds per selected event of the first study, and bytes of memory of all."""
    events = {study: selected(results, study, dataset)[1] for study in studies}
    first = studies[0]
    costs = {}
    for stage, pattern in TRAININGS.items():
        for path in sorted((results / first).glob(pattern)):
            name = path.relative_to(results / first)
            same = [(study, results / study / name) for study in studies if (results / study / name).exists()]
            memory = Line.of(
                [events[study] for study, _ in same], [record(file)["max_rss_mb"] * 2**20 for _, file in same]
            )
            costs[f"{stage} {'/'.join(name.parts[1:-1])}"] = {
                "seconds": record(path)["cpu_seconds"] / events[first],
                "memory": memory,
            }
    return costs


def of_others(results: Path, study: str, events: int) -> tuple[float, float, int]:
    """(seconds per selected event, seconds, jobs) of all that is no chunk and no training."""
    base = results / study
    trained = {path for pattern in TRAININGS.values() for path in base.glob(pattern)}
    by_event = {path for pattern in BY_EVENT for path in base.glob(pattern)} - trained
    records = [Path(str(path).removesuffix(".run.json")) for path in base.rglob("*.run.json")]
    others = {path for path in records if not path.parent.name.isdigit()} - trained
    seconds = sum(record(path)["cpu_seconds"] for path in others & by_event) / events
    fixed = sum(record(path)["cpu_seconds"] for path in others - by_event)
    jobs = len([path for path in (base / "benchmarks").rglob("*.tsv") if not path.parent.name.isdigit()])
    return seconds, fixed, jobs


def quantity(value: float, units: tuple[str, ...], step: float) -> str:
    """A number with two digits and the unit that suits it."""
    for unit in units[:-1]:
        if value < step:
            return f"{value:.2g} {unit}" if value < 100 else f"{value:.0f} {unit}"
        value /= step
    return f"{value:.2g} {units[-1]}" if value < 100 else f"{value:,.0f} {units[-1]}"


def size(number: float) -> str:
    """Bytes."""
    return quantity(number, ("B", "kB", "MB", "GB", "TB", "PB"), 1000)


def hours(seconds: float) -> str:
    """Hours."""
    value = seconds / 3600
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def main() -> None:
    """Print the costs and the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("results", type=Path, help="the folder results/")
    parser.add_argument("studies", nargs="+", help="names; the trainings of the first are taken")
    parser.add_argument("--dataset", default="qcd")
    parser.add_argument("--chunk-events", type=int, nargs=3, default=[12_000, 200_000, 2_000_000])
    parser.add_argument("--threads", type=int, default=2, help="of the trainings that were measured")
    parser.add_argument("--plan-ms", type=float, default=2.7, help="to plan one job (bench_planning.py)")
    arguments = parser.parse_args()
    steps = of_chunks(arguments.results, arguments.studies, arguments.dataset)
    trainings = of_trainings(arguments.results, arguments.studies, arguments.dataset)
    generated, passed = selected(arguments.results, arguments.studies[0], arguments.dataset)
    per_event, fixed, n_others = of_others(arguments.results, arguments.studies[0], passed)
    print("| step | processor time, per job | per generated event | disk, per event |\n|---|---|---|---|")
    for step, cost in steps.items():
        seconds, disk = cost["seconds"], size(cost["bytes"].slope)
        print(f"| {step} | {seconds.start:.2g} s | {1000 * seconds.slope:.2g} ms | {disk} |")
    print(
        "\n| training | processor time, per selected event | memory | per selected event |\n|---|---|---|---|"
    )
    for name, cost in trainings.items():
        memory = cost["memory"]
        print(f"| {name} | {1000 * cost['seconds']:.2g} ms | {size(memory.start)} | {size(memory.slope)} |")
    print(f"\n{passed} of {generated} events are selected; {n_others} jobs are no chunks ({fixed:.0f} s).\n")
    print(
        "| events | per chunk | chunks | jobs | planning | simulate, core h | ingest, represent, core h "
        "| trainings, core h | GPU h, at most | mixtures, scan, core h | disk | largest training, memory |"
    )
    print("|" + "---|" * 12)
    for total, each in zip(TOTALS, arguments.chunk_events, strict=True):
        n_chunks = -(-total // each)
        seconds = {s: n_chunks * c["seconds"].start + total * c["seconds"].slope for s, c in steps.items()}
        made = sum(n_chunks * cost["bytes"].start + total * cost["bytes"].slope for cost in steps.values())
        kept = total * passed / generated
        trained = sum(cost["seconds"] for cost in trainings.values()) * kept
        memory = max(cost["memory"].start + cost["memory"].slope * kept for cost in trainings.values())
        jobs = n_chunks * len(steps) + n_others
        cells = [
            f"10^{len(str(total)) - 1}",
            f"{each:,}",
            f"{n_chunks:,}",
            f"{jobs:,}",
            f"{3 + jobs * arguments.plan_ms / 1000:.0f} s",
            hours(seconds["simulate"]),
            hours(sum(seconds.values()) - seconds["simulate"]),
            hours(trained),
            hours(trained / arguments.threads),
            hours(fixed + per_event * kept),
            size(made),
            size(memory),
        ]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
