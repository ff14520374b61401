"""What `tag trigger` writes, for figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from resonaut.files import write_json


def _curve(best: float) -> dict[str, Any]:
    rate = np.geomspace(0.1, 50, 9)
    kept = best * (1 - np.exp(-rate))
    columns = {"rate_khz": rate, "rate_khz_standard": 0.1 * np.sqrt(rate), "efficiency": kept}
    columns["efficiency_standard"] = np.full(len(rate), 0.01)
    return {
        "rate_khz": 1.1,
        "rate_khz_standard": 0.1,
        "efficiency": {"value": 0.6 * best, "standard": 0.01},
        "curve": {name: values.tolist() for name, values in columns.items()},
    }


def make_trigger(folder: Path) -> Path:
    """Three numbers of bits, two prunings, both trainings."""
    path = folder / "trigger.json"
    variants = [
        {
            "bits": bits,
            "pruning": pruning,
            "training": training,
            "auc_change": -0.05 / bits**2 * (1 + pruning) * (2 if training == "post" else 1),
            "auc_change_standard": 0.0002,
        }
        for pruning in (0.0, 0.5)
        for bits in (16, 8, 4)
        for training in ("post", "aware")
    ]
    generator = np.random.default_rng(3)
    score = generator.uniform(size=200)
    content = {
        "name": "dense",
        "tagger": "dense",
        "network": "classifier",
        "float": {"auc": 0.97, "auc_standard": 0.002},
        "variants": variants,
        "exported": {
            "bits": 8,
            "pruning": 0.0,
            "training": "aware",
            "tolerance": 0.3,
            "backends": {"hls4ml": {}, "da4ml": {"latency_ns": 40.0}},
        },
        "rates": {
            "input_rate_khz": 100.0,
            "bandwidth_khz": 1.0,
            "float": _curve(0.99),
            "fixed": _curve(0.98),
            "stability": {"rate_ratio": 1.02, "rate_ratio_standard": 0.03},
        },
        "scatter": {
            "float": score.tolist(),
            "fixed": (score + generator.normal(0, 0.02, 200)).tolist(),
            "signal": (score > 0.5).tolist(),
        },
        "n_rows": {"train": 600, "validation": 200, "test": 200},
    }
    write_json(path, content)
    return path
