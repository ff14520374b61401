"""Small files of scores, as detect writes them."""

from __future__ import annotations

import json

import h5py
import numpy as np

WINDOWS = [{"low": 3000.0, "high": 3400.0}, {"low": 3400.0, "high": 3800.0}]
SCAN = {"mass_min": 2500, "mass_max": 5000, "sideband_width": 500, "windows": WINDOWS}


def settings(**more):
    return {"scan": SCAN, "hunt": {"efficiencies": [1.0, 0.1], "n_parameters": 3, **more}}


def toy(seed=1, n_experiments=1, n_events=6000, n_windows=2):
    """An exponential spectrum and scores that know nothing."""
    rng = np.random.default_rng(seed)
    mass = 2500 + rng.exponential(500, (n_experiments, n_events))
    fold = rng.integers(0, 3, mass.shape).astype(np.int8)
    return {"mass": mass, "fold": fold, "score": rng.random((n_experiments, n_windows, n_events), np.float32)}


def write(path, mass, fold, score, kind="scores", windows=None, labelled=True):
    with h5py.File(path, "w") as file:
        file["events/mass"], file["events/fold"], file["score"] = mass, fold, score
        file.attrs.update(
            kind=kind, method="cwola", mixture="data", labelled=labelled, provenance="{}",
            windows=json.dumps(windows or WINDOWS),
        )  # fmt: skip
    return path
