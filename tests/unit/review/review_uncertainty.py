"""What `tag uncertainty` writes, for figures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.files import write_json

SCORES = np.linspace(0.05, 0.95, 10)
EDGES = np.linspace(-5, 5, 41)


def _calibration(shift: float) -> dict[str, Any]:
    fraction = SCORES + shift * SCORES * (1 - SCORES)
    error = {"value": 0.01 + abs(shift) / 6, "standard": 0.002, "floor": 0.007, "floor_standard": 0.001}
    bins = {"probability": SCORES, "fraction": fraction, "lower": fraction - 0.02, "upper": fraction + 0.02}
    reliability = {key: values.tolist() for key, values in bins.items()}
    return {"ece": {"equal_mass": error, "equal_width": error}, "reliability": reliability}


def _classified(epistemic: float) -> dict[str, Any]:
    shape = (4 * epistemic * SCORES * (1 - SCORES)).tolist()
    against = {"score": SCORES.tolist(), "epistemic": shape, "epistemic_standard": [epistemic / 20] * 10}
    calibrations = {"none": _calibration(0.3), "temperature": _calibration(0.05)}
    return {"epistemic": epistemic, "calibrations": calibrations, "against_score": against}


def _told(auc: float) -> dict[str, Any]:
    usual = np.linspace(0, 1, 50)
    curve = {"usual": usual.tolist(), "strange": (usual ** ((1 - auc) / auc)).tolist()}
    return {"auc": auc, "auc_standard": 0.01, "curve": curve}


def make_uncertainty(folder: Path, *, sizes: bool = True, strange: bool = True) -> Path:
    """A tagger of two classes and two methods."""
    path = folder / "uncertainty.json"
    values = {"tagger": 0.0, "ensemble": 0.01, "bayesian": 0.03}
    of_size = [
        {
            "n_train": n_train,
            "methods": {
                name: {"epistemic": 30 * values[name] / math.sqrt(n_train), "epistemic_standard": 1e-3}
                for name in ("ensemble", "bayesian")
            },
        }
        for n_train in ((300, 1000, 3000) if sizes else (3000,))
    ]
    parts = ("epistemic", "total", "spread")
    told = {"methods": {"ensemble": {part: _told(0.8) for part in parts}}}
    write_json(
        path,
        {
            "name": "dense",
            "tagger": "dense",
            "task": "binary",
            "n_rows": {"train": 3000, "validation": 1000, "test": 1000},
            "methods": {name: _classified(value) for name, value in values.items()},
            "sizes": of_size,
            "ood": {"jes_up": told} if strange else {},
        },
    )
    return path


def make_pulls(folder: Path) -> Path:
    """A regression."""
    path = folder / "pulls.json"
    middle = 0.5 * (EDGES[1:] + EDGES[:-1])

    def pull(width: float) -> dict[str, Any]:
        density = np.exp(-0.5 * (middle / width) ** 2) / (width * math.sqrt(2 * math.pi))
        histogram = {"density": density.tolist(), "standard": (0.05 * density).tolist()}
        histogram["edges"] = EDGES.tolist()
        return {"mean": 0.01, "width": width, "width_standard": 0.02, "histogram": histogram}

    methods = {
        name: {"epistemic": 0.01, "pulls": {"none": pull(1.3), "scaled": pull(1.0)}}
        for name in ("single", "ensemble")
    }
    content = {"name": "mass", "tagger": "pfn", "task": "regression", "methods": methods, "ood": {}}
    content["n_rows"] = {"test": 1000}
    content["sizes"] = [{"n_train": 3000, "methods": {"ensemble": {"epistemic": 0.01}}}]
    write_json(path, content)
    return path
