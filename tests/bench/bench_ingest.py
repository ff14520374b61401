"""Speed of ingest on PFNano-like content, against bare uproot reading the same branches in the same run.

    python tests/bench/bench_ingest.py [N_EVENTS] [FOLDER]

The ten events of ../shared/data/root/pfnano.root are repeated into larger files with all their branches; the
candidates are smeared, so that they compress as different events do. Processor time is compared, in turns, so
that other work on the machine does not decide; wall time and the load of the machine are printed. Files that
are in FOLDER already are used again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from resonaut.ingest.methods import pfnano
from resonaut.ingest.nano_reader import _Layout

SOURCE = Path(__file__).parents[2].parent / "shared" / "data" / "root" / "pfnano.root"
BASKET_EVENTS = 500
ROUNDS = 5
STEP = 5_000
KEPT_BITS = 12
"""Of the mantissa of smeared columns, as NanoAOD keeps of kinematics."""
_CHILD = """
import json, os, resource, sys, time
from resonaut.ingest.convert import convert
from resonaut.ingest.settings import IngestTask
start = time.perf_counter()
settings = {"preselection": {"n_jets_min": 1}, "duplicates": sys.argv[1]}
done = convert(sys.argv[3:], sys.argv[2], IngestTask(dataset="bench", ingest=settings))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"wall": time.perf_counter() - start, "cpu": used.ru_utime + used.ru_stime,
                  "memory": used.ru_maxrss / 1024, "flow": done.flow}))
"""


def _grouped(arrays: dict[str, ak.Array]) -> dict[str, Any]:
    """Branches as they are written: one record per collection, so that it gets one counter."""
    collections = {name[1:] for name in arrays if name.startswith("n") and arrays[name].ndim == 1}
    grouped: dict[str, Any] = {}
    for name, values in arrays.items():
        collection, _, leaf = name.partition("_")
        if name.startswith("n") and name[1:] in collections:
            continue
        if collection in collections and leaf and values.ndim == 2:
            grouped.setdefault(collection, {})[leaf] = values
        else:
            grouped[name] = values
    return {name: ak.zip(item) if isinstance(item, dict) else item for name, item in grouped.items()}


def _smeared(candidates: ak.Array, random: np.random.Generator) -> ak.Array:
    """Candidates with kinematics and impact parameters that differ in the bits that NanoAOD keeps."""
    counts = ak.num(candidates)
    columns = {name: ak.to_numpy(ak.flatten(candidates[name])) for name in candidates.fields}
    for name in ("pt", "eta", "phi", "mass", "d0", "dz"):
        values = columns[name]
        smeared = (values * random.normal(1, 0.01, len(values))).astype(np.float32)
        rounded = (smeared.view(np.uint32) & np.uint32((0xFFFFFFFF << (23 - KEPT_BITS)) & 0xFFFFFFFF)).view(
            np.float32
        )
        columns[name] = np.where(values == -1, values, rounded)
    return ak.zip({name: ak.unflatten(values, counts) for name, values in columns.items()})


def make(path: Path, n_events: int, first_event: int = 0) -> Path:
    """Write a file of PFNano-like events, unless it is there."""
    if path.exists():
        return path
    random = np.random.default_rng(first_event)
    with uproot.open(SOURCE) as file:
        tree = file["Events"]
        arrays = {name: tree[name].array() for name in tree.keys(recursive=False)}
    block = {
        name: ak.concatenate([values] * (BASKET_EVENTS // 10)) for name, values in _grouped(arrays).items()
    }
    types = {
        name: values.type.content if values.ndim > 1 or values.fields else ak.to_numpy(values).dtype
        for name, values in block.items()
    }
    with uproot.recreate(path.with_suffix(".part"), compression=uproot.ZSTD(3)) as file:
        events = file.mktree("Events", types)
        for start in range(first_event, first_event + n_events, BASKET_EVENTS):
            numbers = np.arange(start, start + BASKET_EVENTS, dtype=np.uint64)
            events.extend({**block, "event": numbers, "PFCands": _smeared(block["PFCands"], random)})
    path.with_suffix(".part").rename(path)
    return path


def _timed(work: Callable[[], int]) -> tuple[float, float, int]:
    wall, processor = time.perf_counter(), time.process_time()
    count = work()
    return time.process_time() - processor, time.perf_counter() - wall, count


def against_uproot(path: Path) -> float:
    """Print events per second of both, and the ratio of the medians of processor time."""
    with uproot.open(path) as file:
        tree = file["Events"]
        reader = pfnano.build(pfnano.Settings())
        layout = _Layout(
            str(path), frozenset(tree.keys(recursive=False)), "FatJet", pfnano.LINKS, pfnano.Settings()
        )
        wanted = list(layout.branches)
        compressed = sum(tree[name].compressed_bytes for name in wanted)
        plain = sum(tree[name].uncompressed_bytes for name in wanted)
        print(
            f"{tree.num_entries} events, {len(tree.keys(recursive=False))} branches, "
            f"{path.stat().st_size / 1e6:.0f} MB; {len(wanted)} branches are read, "
            f"{compressed / 1e6:.0f} MB, {plain / 1e6:.0f} MB uncompressed"
        )

        def bare() -> int:
            parts = tree.iterate(
                filter_name=frozenset(wanted).__contains__, step_size="100 MB", how=dict, library="ak"
            )
            return sum(len(part["run"]) for part in parts)

        def ours() -> int:
            return sum(len(batch) for batch in reader.batches(file, str(path), None, STEP))

        times: dict[str, list[tuple[float, float, int]]] = {"uproot": [], "here": []}
        for _ in range(ROUNDS):
            times["uproot"].append(_timed(bare))
            times["here"].append(_timed(ours))
    medians = {}
    for name, rounds in times.items():
        processor, wall, count = (float(np.median(column)) for column in zip(*rounds, strict=True))
        medians[name] = processor / count
        print(
            f"  {name:8} {count / processor:8.0f} events/s of processor time, "
            f"{count / wall:8.0f} of wall time"
        )
    ratio = medians["uproot"] / medians["here"]
    print(f"  reader over bare uproot: {ratio:.2f} (goal 0.80)")
    return ratio


def _start(output: Path, files: list[Path], duplicates: str = "fail") -> subprocess.Popen:
    command = [sys.executable, "-c", _CHILD, duplicates, str(output), *map(str, files)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _finish(*jobs: subprocess.Popen) -> list[dict[str, Any]]:
    found = []
    for job in jobs:
        text = job.communicate()[0]
        if job.returncode:
            raise SystemExit(f"a child of the bench failed with {job.returncode}")
        found.append(json.loads(text.splitlines()[-1]))
    return found


def processes(files: list[Path], folder: Path) -> None:
    """Print what two processes on two files gain over one after the other."""
    alone, together = [], []
    for _ in range(2):
        for number, path in enumerate(files):
            alone += _finish(_start(folder / f"alone{number}.h5", [path]))
        start = time.perf_counter()
        jobs = [_start(folder / f"together{number}.h5", [path]) for number, path in enumerate(files)]
        together.append((time.perf_counter() - start, _finish(*jobs)))
    best = [min(alone[number::2], key=lambda item: item["wall"]) for number in range(2)]
    pairs = [max(items, key=lambda item: item["wall"]) for _, items in together]
    pair = min(pairs, key=lambda item: item["wall"])
    events = best[0]["flow"]["read"]
    print(
        f"\nwhole conversion (reading, selection, writing): {events / best[0]['wall']:.0f} events/s, "
        f"{best[0]['cpu']:.1f} s of processor time with start-up"
    )
    walls = sum(item["wall"] for item in best) / pair["wall"]
    cpus = sum(item["cpu"] for item in best) / max(item["cpu"] for _, items in together for item in items)
    print(
        f"two processes on two files: gain {walls:.2f} in wall time, {cpus:.2f} in processor time "
        f"(goal 1.7); load of the machine {', '.join(f'{load:.1f}' for load in os.getloadavg())} on "
        f"{os.cpu_count()} cores"
    )


def memory(path: Path, folder: Path) -> None:
    """Print the peak memory of one process over more and more files, links to one."""
    links = [folder / f"link{number}.root" for number in range(16)]
    for link in links:
        link.unlink(missing_ok=True)
        link.symlink_to(path.resolve())
    print("\npeak memory of one process")
    for count in (1, 4, 16):
        (done,) = _finish(_start(folder / "memory.h5", links[:count], duplicates="keep"))
        print(f"  {count:3} files {done['memory']:7.0f} MB, {done['flow']['read']} events read")


def main(n_events: int, folder: Path) -> None:
    """Run all parts."""
    files = [make(folder / f"pfnano{n}.root", n_events, n * n_events) for n in range(2)]
    against_uproot(files[0])
    processes(files, folder)
    memory(files[0], folder)


if __name__ == "__main__":
    if not SOURCE.exists():
        raise SystemExit(f"real data are absent: {SOURCE}")
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    if len(sys.argv) > 2:
        main(number, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as name:
            main(number, Path(name))
