"""A million jets from ROOT files to images and clouds: time, memory and bytes on disk.

    python tests/bench/bench_million.py [n_jets] [n_processes]

A few thousand QCD dijet events are simulated and then repeated, each time turned in phi by a random angle and
mirrored in eta, so that no two jets are alike. Then `resonaut ingest` and `resonaut represent` run as they do
in the workflow: one process per chunk, `n_processes` at a time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

from resonaut import ragged
from resonaut.simulate.root_file import COLLECTIONS, ChunkWriter

EVENTS_PER_FILE = 25_000
N_SIMULATED = 5_000
PROCESS = {
    "process": "qcd_dijet",
    "n_events": N_SIMULATED,
    "detector": "cms",
    "cuts": {"pt_hat_min": 600, "m_hat_min": 1300},
}
SETTINGS = {"dataset": "qcd", "label": "qcd", "ingest": {"jets": {"radius": 0.8, "pt_min": 200, "n_max": 2}}}
SELECTION = {"n_jets": 2, "selection": {"n_jets_min": 2}}


def simulate(folder: Path) -> Path:
    """The events that are repeated."""
    path = folder / "simulated.root"
    slice_ = {"dataset": "qcd", "source": "pythia", "settings": {**PROCESS, "seed": 1}}
    command = ["simulate", "--settings", json.dumps(slice_), "--chunk", "0", "--output", str(path)]
    subprocess.run([sys.executable, "-m", "resonaut.cli", *command], check=True, stdout=subprocess.DEVNULL)
    return path


def repeat(source: Path, target: Path, number: int) -> None:
    """Write one file of turned and mirrored events."""
    random = np.random.default_rng(number)
    with uproot.open(source) as file:
        tree = file["Events"]
        rows = np.arange(EVENTS_PER_FILE) % tree.num_entries
        angle = random.uniform(-np.pi, np.pi, len(rows))
        sign = random.choice([-1.0, 1.0], len(rows))
        collections = {}
        for name, columns in COLLECTIONS.items():
            arrays = {column: tree[f"{name}_{column}"].array()[rows] for column in columns}
            counts = np.asarray(ak.num(arrays["pt"]))
            flat = {column: np.asarray(ak.flatten(values)) for column, values in arrays.items()}
            turned = flat["phi"] + np.repeat(angle, counts)
            flat["phi"] = (turned + np.pi) % (2 * np.pi) - np.pi
            flat["eta"] = flat["eta"] * np.repeat(sign, counts)
            collections[name] = (flat, ragged.offsets_of(counts))
        runs = {
            name: file["Runs"][name].array(library="np")[0] for name in ("sum_weights", "cross_section_pb")
        }
    events = {
        "run": np.ones(len(rows)),
        "luminosityBlock": np.full(len(rows), number + 1),
        "event": np.arange(len(rows)),
        "genWeight": np.ones(len(rows)),
    }
    with ChunkWriter(target) as writer:
        writer.write(events, collections)
        writer.finish({"n_generated": len(rows), **{name: float(value) for name, value in runs.items()}})


def timed(words: list[str]) -> tuple[float, float, float]:
    """Wall and CPU seconds of a process, and its largest resident memory, MB."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "resonaut.cli", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(words)[:300]}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def stage(name: str, jobs: list[list[str]], outputs: list[Path], n_processes: int, n_jets: int) -> float:
    """Run the jobs of a stage, print its line, and return its wall time."""
    start = time.perf_counter()
    with ThreadPoolExecutor(n_processes) as pool:
        found = np.array(list(pool.map(timed, jobs)))
    wall = time.perf_counter() - start
    n_bytes = sum(path.stat().st_size for path in outputs)
    print(
        f"{name:10} {wall:8.1f} s wall {found[:, 1].sum():8.1f} s CPU {n_jets / wall:10.0f} jets/s "
        f"peak {found[:, 2].max():7.0f} MB a process {n_bytes / 1e6:8.0f} MB on disk",
        flush=True,
    )
    return wall


def main() -> None:
    n_jets = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    n_processes = int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count() or 1
    n_files = -(-n_jets // (2 * EVENTS_PER_FILE))
    folder = Path(tempfile.mkdtemp(prefix="million-"))
    try:
        source = simulate(folder)
        roots = [folder / f"{number}.root" for number in range(n_files)]
        for number, path in enumerate(roots):
            repeat(source, path, number)
        n_bytes = sum(path.stat().st_size for path in roots)
        what = f"{n_files} ROOT files of {EVENTS_PER_FILE} events, {n_bytes / 1e6:.0f} MB"
        print(f"{what}; {n_processes} processes at a time", flush=True)
        stores = [folder / f"{number}.h5" for number in range(n_files)]
        jobs = [
            ["ingest", str(root), "--settings", json.dumps(SETTINGS), "--output", str(store)]
            for root, store in zip(roots, stores, strict=True)
        ]
        selection = json.dumps(SELECTION)
        walls = [stage("ingest", jobs, stores, n_processes, n_jets)]
        for kind in ("images", "clouds", "features"):
            outputs = [folder / f"{kind}{number}.h5" for number in range(n_files)]
            jobs = [
                ["represent", kind, "--settings", selection, "--input", str(store), "--output", str(output)]
                for store, output in zip(stores, outputs, strict=True)
            ]
            walls.append(stage(kind, jobs, outputs, n_processes, n_jets))
        print(f"ROOT to images and clouds: {sum(walls[:3]):.0f} s wall for {n_jets} jets")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
