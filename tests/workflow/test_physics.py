"""The physics of the default study: the injected W' is found, and without signal nothing is.

Takes about an hour on two cores: `make test-full`. Results stay below results/ of the clone and are reused.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

pytestmark = pytest.mark.full

SIGNAL_SEEDS = (1, 2, 3, 4, 5)
NULL_SEEDS = tuple(range(1, 11))


def significance(root, config: str, seed: int) -> dict:
    """Run one study up to the significance of CWoLa and return its JSON."""
    study = f"{config}_seed{seed}"
    target = f"results/{study}/infer/data/cwola/significance.json"
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", f"config/{config}.yaml"]
    command += ["--config", f"study={study}", f"seed={seed}", "--rerun-incomplete", "--", target]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    return json.loads((root / target).read_text())


def holds_signal(window: dict) -> bool:
    return window["low"] <= 3500 < window["high"]


def test_the_signal_is_found_in_its_window(root):
    results = [significance(root, "demo", seed) for seed in SIGNAL_SEEDS]
    best = [result["best"] for result in results]
    for seed, entry in zip(SIGNAL_SEEDS, best, strict=True):
        print(f"seed {seed}: best window {entry['low']:g}-{entry['high']:g}, z_local {entry['z_local']:.2f}")
    found = [entry["z_local"] for entry in best if holds_signal(entry)]
    assert len(found) >= 4
    assert holds_signal(best[0]), "the committed seed"
    in_window = [max(w["z_local"] for w in r["windows"] if holds_signal(w)) for r in results]
    assert statistics.median(in_window) > 4
    assert in_window[0] > 4, "the committed seed"


def test_without_signal_nothing_is_found(root):
    largest = {}
    for seed in NULL_SEEDS:
        result = significance(root, "demo_null", seed)
        largest[seed] = max(window["z_local"] for window in result["windows"])
        print(f"seed {seed}: largest z_local {largest[seed]:.2f}")
    assert sum(z > 3 for z in largest.values()) <= 1
