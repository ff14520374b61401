"""What `generate evaluate`, `train` and `compare` write, for figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.files import write_json
from resonaut.generate import compare
from resonaut.generate.evaluation import histograms, response, showers
from resonaut.generate.evaluation.numbers import plain, rounded
from resonaut.showers import Showers

SHAPE = (8, 6, 6)
_AREA = {"error": 0.01, "folds": [0.6], "floor": 0.505, "floor_error": 0.01, "floor_folds": [0.505]}
_COVERAGE = {"coverage": 0.95, "coverage_floor": 0.97, "coverage_expected": 0.969, "density": 1.0}


def toy_showers(n: int, seed: int) -> Showers:
    """Normal showers whose visible energy is 3 % of the incident one."""
    random = np.random.default_rng(seed)
    energy = random.uniform(10, 100, n)
    offsets = ragged.offsets_of(np.full(n, 30))
    place = np.clip(
        np.round(random.normal([4, 2.5, 2.5], [2, 0.8, 0.8], (30 * n, 3))), 0, np.array(SHAPE) - 1
    )
    share = random.exponential(size=30 * n)
    total = np.repeat(0.03 * energy * random.normal(1, 0.1, n) / ragged.sums(share, offsets), 30)
    cell = np.ravel_multi_index(place.astype(int).T, SHAPE).astype(np.int32)
    geometry = {"kind": "cartesian", "shape": list(SHAPE)}
    return Showers(geometry, cell, (share * total).astype(np.float32), offsets, {"incident_energy": energy})


def _evaluation(name: str, learn: str, auc: float, n: int, more: dict[str, Any]) -> dict[str, Any]:
    target = {"name": "auc_high_level", "value": auc, "limit": 0.6, "met": auc <= 0.6, "error": 0.01}
    largest = {"name": "separation", "value": 0.02, "limit": 0.01, "met": False, "error": 0.002}
    area = {"auc": auc, **_AREA}
    return plain(
        {
            "method": name, "kind": "toy", "learn": learn, "datasets": ["qcd"], "conditions": [],
            "n_rows": {"compared": n, "training": 3 * n},
            "classifier": {"high_level": {"network": area}, "low_level": area},
            "coverage": _COVERAGE, "memorisation": {"ratio": 1.0, "copies": 0.0},
            "modes": {"different": 0.04, "different_floor": 0.02}, "targets": [target, largest],
            "jets": None, "profiles": None, "response": None, "correlations": None, "images": None, **more,
        }
    )  # fmt: skip


def make_showers(folder: Path, name: str, seed: int, n: int = 400) -> Path:
    """An evaluation of a generator of showers."""
    own = {key: toy_showers(n, seed + shift) for shift, key in enumerate(histograms.SAMPLES)}
    of = {key: showers.observed(part) for key, part in own.items()}
    pairs = [
        (of[key]["visible_energy"], own[key].columns["incident_energy"]) for key in ("real", "generated")
    ]
    random = np.random.default_rng(seed)
    found = {
        "observables": histograms.of_all(of, showers.OBSERVABLES, 20, random),
        "profiles": showers.profiles(own),
        "response": response.evaluate(*pairs, (20, 50, 80), 0.2),
        "images": showers.images(own),
    }
    write_json(folder / f"{name}.json", _evaluation(name, "showers", 0.55 + 0.01 * seed, n, found))
    return folder / f"{name}.json"


def make_images(folder: Path, images: np.ndarray, other: np.ndarray) -> Path:
    """An evaluation of a generator of jet images, (n, P, P) real and generated ones."""
    random = np.random.default_rng(1)
    of = {
        key: {"mass_over_pt": random.gamma(4, 0.05, 500), "active_pixels": random.poisson(30, 500) * 1.0}
        for key in histograms.SAMPLES
    }
    titles = {"mass_over_pt": ("Jet mass / $p_T$", ""), "active_pixels": ("Active pixels", "")}
    means = {key: rounded(part.mean(0)) for key, part in (("real", images), ("generated", other))}
    found = {
        "observables": histograms.of_all(of, titles, 20, random),
        "images": {"half_width": 1.0, **means, "distance": 0.1, "floor": 0.05},
        "jets": dict.fromkeys(("w1m", "w1p", "w1efp", "fpd", "kpd")),
    }
    write_json(folder / "vae.json", _evaluation("vae", "images", 0.7, 500, found))
    return folder / "vae.json"


def make_training(folder: Path) -> Path:
    """How a training went."""
    history = [
        {"epoch": i, "train_loss": 3 + 2 * 0.8**i, "validation_loss": 3.02 + 1.9 * 0.8**i}
        for i in range(1, 31)
    ]
    write_json(folder / "training.json", {"n_parameters": 12345, "history": history, "best_epoch": 30})
    return folder / "training.json"


def make_generators(folder: Path, images: Path) -> Path:
    """A comparison of three generators, two of them of showers."""
    evaluations = {name: make_showers(folder, name, seed) for seed, name in enumerate(("flow", "gan"), 1)}
    training = make_training(folder)
    evaluations["vae"] = images
    output = folder / "generators.json"
    compare.run(evaluations, {"flow": training}, {}, output, folder / "generators.md")
    return output
