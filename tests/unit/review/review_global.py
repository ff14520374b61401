"""A small file of the global significance, as `infer global` writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.stats import norm

from resonaut.files import write_json

LOWS = (3000.0, 3200.0, 3400.0)


def make_global(folder: Path, **more: object) -> Path:
    """Twelve tests of two methods, the largest of 1,000 replicas, and curves."""
    rng = np.random.default_rng(5)
    places = [(m, low, e) for m in ("anode", "cwola") for low in LOWS for e in (0.1, 0.01)]
    keys = ("method", "low", "selection_efficiency")
    tests = [
        {**dict(zip(keys, place, strict=True)), "high": place[1] + 400, "z": z}
        for place, z in zip(places, [*rng.normal(size=len(places) - 1).tolist(), 3.1], strict=True)
    ]
    tests[2]["z"] = None
    counts, edges = np.histogram(rng.normal(size=(1000, len(tests))).max(axis=1), np.arange(-3, 5, 0.2))
    z = np.linspace(0, 4, 41)
    independent = 1 - norm.cdf(z) ** len(tests)
    content = {
        "mixture": "data",
        "blind": False,
        "tests": tests,
        "best": tests[-1],
        "bootstrap": {
            "n": 1000, "p_value": 0.012, "error": 0.0035, "z": 2.26,
            "gaussian": {"p_value": 0.011, "error": 1e-4, "z": 2.29},
            "effective_tests": 11.2, "valid": False, "levels": {"1": 2.1, "2": 2.9, "3": 3.7},
        },
        "distribution": {"edges": edges.tolist(), "counts": counts.tolist()},
        "curve": {
            "z": z.tolist(), "bootstrap": independent.tolist(), "gaussian": independent.tolist(),
            "gross_vitells": None, "independent": independent.tolist(),
        },
    }  # fmt: skip
    write_json(folder / "global.json", {**content, **more})
    return folder / "global.json"
