"""Generators of showers on a GPU: training in the published or the small size, and time per shower.

    python tests/bench/gpu_showers.py [--showers N] [--epochs N] [--size published] [--device cuda] [NAME ...]

Parametrised photons (`em_showers`, 30 x 30 x 30 cells) are made, ingested and represented; each generator is
trained by `resonaut generate train`, and timed by `resonaut generate time` on every device of this machine.
Geant4 makes 2.4 to 3.5 of such showers per second and core.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from resonaut import filelist
from resonaut.workflow import Plan, read

SIZED = ("wgan_gp", "bib_ae", "flow_matching")
"""Methods that have a published size."""
METHODS = ("layerwise", "flow_matching", "bib_ae", "wgan_gp", "vae")
GEANT4 = 2.95


def study(showers: int, epochs: int, size: str, device: str, methods: list[str]) -> Plan:
    """The study, of one chunk."""
    photons = {"source": "em_showers", "label": "photon", "particle": "photon"}
    photons |= {"calorimeter": {"preset": "si_w"}, "energies": {"low": 10, "high": 100}}
    task = {"datasets": ["photons"], "learn": "showers", "conditions": ["incident_energy"]}
    task["training"] = {"epochs": epochs, "device": device}
    return read(
        {
            "study": "gpu_showers",
            "datasets": {"photons": {**photons, "n_events": showers, "chunk_events": showers}},
            "represent": {"showers": {"threshold": 0.1}},
            "generate": {
                name: {**task, **({"size": size} if name in SIZED else {}), "evaluate": {"timing": True}}
                for name in methods
            },
        }
    )


def resonaut(*words: object) -> None:
    """One command of resonaut."""
    subprocess.run([sys.executable, "-m", "resonaut.cli", *map(str, words)], check=True)


def rows_of(plan: Plan, folder: Path) -> Path:
    """Simulate, ingest and represent; the manifest."""
    events, store, rows = (folder / name for name in ("events.h5", "store.h5", "rows.h5"))
    settings = plan.settings("simulate", dataset="photons")
    resonaut("simulate", "--settings", settings, "--chunk", 0, "--output", events)
    settings = plan.settings("ingest", dataset="photons")
    files = filelist.to_json([filelist.InputFile(str(events))])
    resonaut("ingest", "--files", files, "--settings", settings, "--output", store)
    settings = plan.settings("showers")
    resonaut("represent", "showers", "--settings", settings, "--input", store, "--output", rows)
    resonaut("manifest", "--output", folder / "rows.json", rows)
    return folder / "rows.json"


def measure(plan: Plan, name: str, rows: Path, folder: Path) -> None:
    """Train one generator, time it, and print."""
    weights, timing = folder / f"{name}.safetensors", folder / f"{name}.timing.json"
    showers = ("--showers", f"photons={rows}")
    start = time.perf_counter()
    files = (
        "--weights",
        weights,
        "--training",
        folder / f"{name}.json",
        "--epochs",
        folder / f"{name}.jsonl",
    )
    resonaut("generate", "train", "--settings", plan.settings("generate", method=name), *showers, *files)
    seconds = time.perf_counter() - start
    settings = plan.settings("generate_time", method=name)
    resonaut("generate", "time", "--settings", settings, "--weights", weights, *showers, "--output", timing)
    print(f"{name}: trained in {seconds:.0f} s")
    for entry in json.loads(timing.read_text())["measurements"]:
        each = entry["seconds_per_row"]
        print(
            f"  {entry['device']:<5} batch {entry['batch']:>5}: {1e3 * each:9.3f} ms per shower, "
            f"{1 / each / GEANT4:9.0f} times Geant4"
        )


def main() -> None:
    """Measure all generators."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--showers", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--size", choices=("published", "small"), default="published")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("methods", nargs="*", default=list(METHODS))
    arguments = parser.parse_args()
    plan = study(
        arguments.showers, arguments.epochs, arguments.size, arguments.device, list(arguments.methods)
    )
    with tempfile.TemporaryDirectory() as folder:
        rows = rows_of(plan, Path(folder))
        for name in arguments.methods:
            measure(plan, name, rows, Path(folder))


if __name__ == "__main__":
    main()
