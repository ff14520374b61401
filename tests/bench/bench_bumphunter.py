"""A bump hunt with toys, against pyBumpHunter 0.5.1 in an environment of its own.

    tests/bench/pybumphunter.sh                   once: the peer's environment
    python tests/bench/bench_bumphunter.py [--toys 10000] [--peer PYTHON] [--repeats 3]

100,000 falling events in 60 bins with a small bump, windows of 2 to 6 bins (285 of them), toys drawn inside
the time that is measured, on one thread. What is compiled is compiled before. Then the same with a background
that is fitted to every toy, which the peer does not do.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from resonaut import registry
from resonaut.stats import bumphunter

PEER = Path(__file__).parents[2] / ".venv/pybumphunter/bin/python"
GOAL = 5.0
WIDTHS = range(2, 7)


def spectra() -> np.ndarray:
    """(2, 60) data and background."""
    rng = np.random.default_rng(1)
    events = np.append(rng.exponential(2, 100_000), rng.normal(5.5, 0.35, 150))
    data, edges = np.histogram(events, 60, (0, 20))
    return np.stack([data, -100_000 * np.diff(np.exp(-edges / 2))])


def ours(data: np.ndarray, background: object, n_toys: int) -> dict[str, float]:
    """Times and results of our hunt."""
    start = time.perf_counter(), time.process_time()
    found = bumphunter.hunt(data, background, WIDTHS, n_toys, np.random.default_rng(1))
    return {
        "wall": time.perf_counter() - start[0],
        "cpu": time.process_time() - start[1],
        "p_local": float(found.bump.p_value),
        "first": int(found.bump.first),
        "width": int(found.bump.width),
        "p_global": found.tail.p_value,
        "windows": found.bump.n_windows,
    }


def peer(python: Path, both: np.ndarray, n_toys: int) -> dict[str, float]:
    """The same of the peer."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/spectra.npy", both)
        script = Path(__file__).with_name("peer_bumphunter.py")
        words = [python, script, f"{folder}/spectra.npy", WIDTHS[0], WIDTHS[-1], n_toys]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def show(name: str, found: dict[str, float]) -> None:
    """One line."""
    print(
        f"{name}: {found['wall']:.2f} s, processor {found['cpu']:.2f} s; bin {found['first']}, width "
        f"{found['width']}, local p {found['p_local']:.4e}, global p {found['p_global']:.4f}"
    )


def main() -> None:
    """Print times, their ratios and the results of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--toys", type=int, default=10_000)
    parser.add_argument("--peer", type=Path, default=PEER, metavar="PYTHON")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    both = spectra()
    data, background = both
    ours(data, background, 1)
    mine = min((ours(data, background, arguments.toys) for _ in range(arguments.repeats)), key=_cpu)
    print(f"{arguments.toys} toys x {mine['windows']} windows, best of {arguments.repeats}")
    show("resonaut", mine)
    if arguments.peer.exists():
        other = min((peer(arguments.peer, both, arguments.toys) for _ in range(arguments.repeats)), key=_cpu)
        show("pyBumpHunter 0.5.1", other)
        ratios = [other[name] / mine[name] for name in ("wall", "cpu")]
        print(
            f"ratio {ratios[0]:.1f} of time, {ratios[1]:.1f} of processor time (goal {GOAL:g}); "
            f"local p differ by {abs(other['p_local'] / mine['p_local'] - 1):.0e}"
        )
    else:
        print(f"no peer: {arguments.peer} is absent; tests/bench/pybumphunter.sh makes it")
    model = registry.build("stats", "dijet", {"n_parameters": 4})(np.linspace(1000.0, 7000.0, 61))
    show("resonaut, refitted", ours(data, model, arguments.toys))


def _cpu(found: dict[str, float]) -> float:
    return found["cpu"]


if __name__ == "__main__":
    main()
