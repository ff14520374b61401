"""What `tag explain` writes, for figures: a file for each question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from resonaut.files import write_json

CLASSES = ("background", "signal")
OBSERVABLES = ("jets/mass", "jets/tau32")
METHODS = ("gradient", "integrated_gradients", "shap")
_RANDOM_SEED = 4


def _with_error(value: float, standard: float = 0.01) -> dict[str, float]:
    return {"value": value, "standard": standard}


def _shares(n: int) -> dict[str, Any]:
    by_class = {name: {"share": [1 / n] * n, "standard": [0.01] * n, "n": 50} for name in CLASSES}
    return dict.fromkeys(METHODS, by_class)


def _of_features() -> dict[str, Any]:
    one = {"importance": 0.4, "standard": 0.02, "spread": None}
    one |= {"by_class": {name: {"mean": k - 0.5, "standard": 0.1} for k, name in enumerate(CLASSES)}}
    features = {name: dict.fromkeys(METHODS, one) for name in OBSERVABLES}
    return {"of": "features", "methods": list(METHODS), "features": features, "gap": {"shap": 0.0}}


def _of_images() -> dict[str, Any]:
    image = np.random.default_rng(_RANDOM_SEED).normal(0, 1e-3, (10, 10)).tolist()
    maps = {method: dict.fromkeys(CLASSES, image) for method in METHODS}
    edges = np.linspace(0, 0.8, 5).tolist()
    found = {"of": "images", "methods": list(METHODS), "maps": maps, "edges": edges, "half_width": 0.8}
    return {**found, "profiles": _shares(4), "gap": {"shap": 0.1}}


def _of_clouds() -> dict[str, Any]:
    edges = {"rank": [-0.5, 0.5, 3.5, 999.5], "delta_r": [0.0, 0.2, 0.4, 0.8]}
    edges["pt_fraction"] = [0.0, 0.01, 0.1, 1.0]
    profiles = {axis: {**_shares(3), "pt": _shares(3)["shap"]} for axis in edges}
    return {"of": "clouds", "methods": list(METHODS), "profiles": profiles, "edges": edges, "gap": {}}


def _observables() -> dict[str, Any]:
    numbers = {key: _with_error(0.5) for key in ("pearson", "spearman", "distance", "information")}
    step = {"alone": _with_error(0.8), "left": 0.2, "ado": _with_error(0.9), "auc": _with_error(0.88)}
    units = {"numbers": [3, 1], "spread": [1.0, 0.5], "n_units": 4, "n_dead": 1}
    units["spearman"] = {name: [0.9, -0.2] for name in ("score", *OBSERVABLES)}
    return {
        "score": {name: dict.fromkeys(("all", "in", "out"), numbers) for name in OBSERVABLES},
        "classes": dict.fromkeys(("score", *OBSERVABLES), 0.4),
        "units": units,
        "guided": [{"observable": name, **step} for name in OBSERVABLES],
        "single": {name: {"ado": _with_error(0.8), "auc": _with_error(0.8)} for name in OBSERVABLES},
        "auc": _with_error(0.92),
        "residual": {"variance": _with_error(0.1), "pairs": _with_error(0.05)},
    }


def _surrogate() -> dict[str, Any]:
    roc = {"rejection": [None, 50.0, 10.0], "standard": [None, 5.0, 1.0]}
    counts = np.random.default_rng(_RANDOM_SEED).poisson(3, (8, 8)).tolist()
    density = {"edges": np.linspace(-4, 4, 9).tolist(), "counts": counts}
    names = ("linear", "polynomial", "symbolic")
    one = {"text": "0.1 +2.3 jets/mass", "complexity": 3, "roc": roc}
    one |= {key: _with_error(0.9) for key in ("r_squared", "ado", "auc")}
    return {
        "surrogates": dict.fromkeys(names, one),
        "front": [one],
        "efficiencies": [0.1, 0.5, 0.9],
        "roc": roc,
        "auc": _with_error(0.95),
        "density": dict.fromkeys(names, density),
        "scales": {name: {"median": 1.0, "width": 2.0} for name in OBSERVABLES},
    }


def _latent() -> dict[str, Any]:
    random = np.random.default_rng(_RANDOM_SEED)
    points = {"components": random.normal(size=(2, 80)).tolist(), "group": [0, 1] * 40}
    points["observables"] = {name: random.random(80).tolist() for name in OBSERVABLES}
    spearman = {name: [0.8, -0.1, 0.0] for name in ("score", *OBSERVABLES)}
    found = {"of": "autoencoder", "n_units": 4, "n_dead": 0, "variance": [0.7, 0.2, 0.1]}
    return {**found, "points": points, "spearman": spearman, "auc": [_with_error(0.8)] * 3}


def _information() -> dict[str, Any]:
    binned = {"input": [9.0, 8.0, 7.5], "label": [0.3, 0.6, 0.7]}
    kernel = {"lower": [5.0, 4.0, 3.0], "upper": [8.0, 7.0, 6.0], "label": [0.2, 0.5, 0.6]}
    one = {"width": 16, "binned": binned, "kernel": kernel}
    layers = {"layer 1": one, "output": {**one, "width": 1}}
    return {"ceiling": 10.0, "label_entropy": 1.0, "layers": layers, "output": [0.1, 0.5, 0.6]}


def _capsules() -> dict[str, Any]:
    edges = np.linspace(0, 1, 6).tolist()
    one = {"counts": [5, 4, 3, 2, 1], "mean": 0.4, "standard": 0.02}
    routing = {"map": np.random.default_rng(_RANDOM_SEED).normal(0.5, 0.01, (4, 4)).tolist()}
    routing |= {"entropy": [1.0, 0.9], "entropy_standard": [0.0, 0.01]}
    found = {"edges": edges, "lengths": {key: [one, one] for key in CLASSES}, "reach": 0.5}
    return {**found, "auc": {}, "routing": dict.fromkeys(CLASSES, routing)}


QUESTIONS = {
    "features": ("attributions", _of_features),
    "images": ("attributions", _of_images),
    "clouds": ("attributions", _of_clouds),
    "observables": ("observables", _observables),
    "surrogate": ("surrogate", _surrogate),
    "latent": ("latent", _latent),
    "information": ("information", _information),
    "capsules": ("capsules", _capsules),
}


def make_explain(folder: Path, question: str = "observables") -> Path:
    """The file of one question."""
    what, made = QUESTIONS[question]
    path = folder / f"explain_{question}.json"
    head = {"name": "toy", "what": what, "tagger": "pfn", "classes": list(CLASSES), "target": "signal"}
    write_json(path, {**head, "n": dict.fromkeys(CLASSES, 100), **made()})
    return path
