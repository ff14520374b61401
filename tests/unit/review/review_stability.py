"""What `tag stability`, `tag weak` and `detect monitor` write, for figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from resonaut.files import write_json

SIZES = (500, 1000, 2000, 4000)


def make_stability(folder: Path, *, folds: bool = True, status: str | None = "converged") -> Path:
    """Four sizes and five folds; `status` of the power law, None for none."""
    path = folder / "stability.json"
    sizes = []
    for size in SIZES:
        loss = 0.3 + 4 * size**-0.6
        found: dict[str, Any] = {"test": loss, "test_statistical": 0.01, "seeds_spread": 0.1 / size**0.5}
        found |= {"training": loss - 20 / size, "training_statistical": 0.3 / size**0.5}
        sizes.append({"n_train": size, "quantities": {"loss": found}})
    law = None
    if status is not None:
        x = np.geomspace(SIZES[0], 10 * SIZES[-1], 20)
        value = 0.3 + 4 * x**-0.6
        curve = {"n": x, "value": value, "lower": value - 0.004, "upper": value + 0.004}
        law = {"status": status, "exponent": {"value": 0.6, "lower": 0.4, "upper": 0.9}}
        law["curve"] = {key: values.tolist() for key, values in curve.items()}
    of_folds = {"loss": {"values": [0.33, 0.32, 0.34, 0.33, 0.31], "standard": [0.01] * 5}} if folds else {}
    content = {"name": "curve", "tagger": "dense", "metric": "loss", "n_seeds": 3, "signal_efficiency": 0.5}
    content |= {"sizes": sizes, "folds": of_folds, "power_laws": {"loss": law}}
    content["n_rows"] = {"train": 4000, "validation": 1300, "test": 1300}
    write_json(path, content)
    return path


def make_weak(folder: Path) -> Path:
    """Three mixtures and all methods; the smallest has too few rows for one of them."""
    path = folder / "weak.json"
    mixtures = []
    for difference in (0.8, 0.4, 0.1):
        methods = {}
        for number, name in enumerate(("full", "cwola", "llp", "equivalent")):
            auc = 0.85 - 0.01 * number / difference
            found: dict[str, Any] = {"auc": auc, "values": [auc] * 3, "seeds_spread": 0.004 / difference}
            found |= {
                "statistical": 0.008,
                "mixed": {"auc": 0.5 + difference * (auc - 0.5), "standard": 0.01},
            }
            if name != "equivalent" or difference > 0.1:
                methods[name] = found
        mixtures.append({"difference": difference, "n_rows": {"training": 3000}, "methods": methods})
    content = {"name": "quark_gluon", "tagger": "dense", "n_seeds": 3, "mixtures": mixtures}
    write_json(path, {**content, "n_test": {"background": 900, "signal": 1000}})
    return path


def make_monitor(folder: Path) -> Path:
    """Three faults and four tests."""
    path = folder / "monitor.json"
    sizes = {"dead_region": [0.1, 0.3, 0.8], "hot_cell": [0.1, 1.0, 3.0], "scale": [0.01, -0.02, 0.05]}
    names = ("autoencoder", "chi2", "largest_pull", "kolmogorov_smirnov")

    def shares(number: int) -> list[dict[str, float]]:
        values = np.clip(np.array([0.01, 0.4, 0.99]) / (1 + number), 0, 1)
        return [{"value": v, "lower": max(0, v - 0.02), "upper": min(1, v + 0.02)} for v in values]

    faults = {
        fault: {"sizes": of, "tests": {name: {"efficiency": shares(k)} for k, name in enumerate(names)}}
        for fault, of in sizes.items()
    }
    content = {"name": "histograms", "events_per_run": 500, "false_alarms": 0.01, "faults": faults}
    write_json(path, {**content, "tests": {name: {} for name in names}})
    return path
