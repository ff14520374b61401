"""Speed of stage simulate against Pythia's own bare `next()`, measured in turns in the same run.

    python tests/bench/bench_simulate.py [N_EVENTS]

Processor time is compared, not wall time, so that other work on the machine does not decide, for the same
events (the same seed). Start-up (imports, `Pythia::init`, compilation that is not in the cache) is left out
of the ratio and printed.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.settings import validate
from resonaut.simulate import events
from resonaut.simulate.detector import Detector
from resonaut.simulate.gen_jets import cluster
from resonaut.simulate.generation import BATCH_EVENTS, _flatten
from resonaut.simulate.methods.pythia import Settings, build
from resonaut.simulate.root_file import ChunkWriter

DEMO = {"process": "qcd_dijet", "cuts": {"pt_hat_min": 1130, "m_hat_min": 2300}, "seed": 1}


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Clock:
    """Processor seconds per part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def __call__(self, part: str, function: Callable[..., Any], *arguments: Any) -> Any:
        start = time.process_time()
        value = function(*arguments)
        self.seconds[part] += time.process_time() - start
        return value


def _bare(pythia: Any, n_events: int) -> None:
    for _ in range(n_events):
        pythia.next()


def run(detector_name: str, n_events: int, folder: Path) -> float:
    """Print the split of one detector; return the ratio of rates, this package over bare `next()`."""
    settings = validate(Settings, {**DEMO, "n_events": n_events, "detector": detector_name})
    start = time.process_time()
    bare, source = build(settings), build(settings)
    bare.start(11)
    source.start(11)
    detector, rng = Detector(detector_name), np.random.default_rng(1)
    warm = next(source.batches(20))
    _bare(bare._pythia, 20)
    cluster(warm.particles, warm.offsets, 1.0, events.GEN_JET_PT_MIN)
    started = time.process_time() - start

    clock, n_batches = Clock(), n_events // BATCH_EVENTS
    with ChunkWriter(folder / f"{detector_name}.root") as writer:
        events._write(writer, warm, np.arange(len(warm)), cluster_of(warm), detector, rng, 0)
        for number in range(n_batches):
            clock("bare next()", _bare, bare._pythia, BATCH_EVENTS)
            record = clock("nextBatch", source._pythia.nextBatch, BATCH_EVENTS, "skip")
            batch = clock("flat arrays", _flatten, record, source._species)
            jets = clock("generator jets", cluster_of, batch)
            candidates = clock("detector", detector.observe, batch.particles, batch.offsets, rng)
            known = _Known(candidates)
            ids = np.arange(number * BATCH_EVENTS, (number + 1) * BATCH_EVENTS)
            clock("writing", events._write, writer, batch, ids, jets, known, rng, 0)
        clock("writing", writer.finish, {"n_generated": n_events})
    total = n_batches * BATCH_EVENTS
    reference = clock.seconds.pop("bare next()")
    whole = sum(clock.seconds.values())
    print(f"\n{detector_name}: {total} events; start-up {started:.1f} s")
    print(f"  bare next()      {1e3 * reference / total:7.3f} ms/event  {total / reference:6.0f} events/s")
    for part, seconds in clock.seconds.items():
        print(f"  {part:<16} {1e3 * seconds / total:7.3f} ms/event  {seconds / whole:6.1%} of the chunk")
    print(f"  whole chunk      {1e3 * whole / total:7.3f} ms/event  {total / whole:6.0f} events/s")
    size = (folder / f"{detector_name}.root").stat().st_size
    print(f"  {size / total / 1024:.1f} kB/event on disk, peak memory {_memory():.0f} MB")
    print(f"  ratio to bare next(): {reference / whole:.3f}")
    return reference / whole


class _Known:
    """A detector whose answer is known: so that writing is timed without it."""

    def __init__(self, candidates: Any) -> None:
        self._candidates = candidates

    def observe(self, *_: Any) -> Any:
        return self._candidates


def cluster_of(batch: Any) -> Any:
    """Generator jets of a batch, as a chunk makes them."""
    return cluster(batch.particles, batch.offsets, 1.0, events.GEN_JET_PT_MIN)


def against_fastjet() -> None:
    """Print the time of the compiled anti-kt against FastJet's array interface, same particles."""
    import awkward as ak
    import fastjet

    source = build(validate(Settings, {**DEMO, "n_events": BATCH_EVENTS}))
    source.start(5)
    batch = next(source.batches(BATCH_EVENTS))
    contents = [ak.contents.NumpyArray(batch.particles[name]) for name in ("px", "py", "pz", "e")]
    record = ak.contents.RecordArray(
        contents, ["px", "py", "pz", "E"], parameters={"__record__": "Momentum4D"}
    )
    array = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(batch.offsets), record))
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, 1.0)

    def theirs() -> None:
        fastjet.ClusterSequence(array, definition).inclusive_jets(min_pt=events.GEN_JET_PT_MIN)

    times = defaultdict(list)
    for _ in range(9):
        for name, function in (("FastJet", theirs), ("here", lambda: cluster_of(batch))):
            start = time.process_time()
            function()
            times[name].append(time.process_time() - start)
    medians = {name: float(np.median(values)) / BATCH_EVENTS * 1e3 for name, values in times.items()}
    print(
        f"\nanti-kt R = 1.0, {batch.offsets[-1] / BATCH_EVENTS:.0f} particles/event: FastJet "
        f"{medians['FastJet']:.3f}, here {medians['here']:.3f} ms/event, "
        f"ratio {medians['FastJet'] / medians['here']:.2f}"
    )


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    with tempfile.TemporaryDirectory() as name:
        for detector in ("cms", "atlas"):
            run(detector, max(number, BATCH_EVENTS), Path(name))
    against_fastjet()
