"""What `tag decorrelation` writes, for figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from resonaut.files import write_json
from resonaut.seeds import generator
from resonaut.tag.decorrelation.measure import Rows, measure


def make_decorrelation(folder: Path) -> Path:
    """A tagger that follows the mass, and one that does not."""
    rng = generator(1, "decorrelation for figures")
    is_signal = np.arange(3000) % 3 == 0
    mass = np.where(is_signal, rng.normal(173, 12, 3000), rng.exponential(60, 3000))
    edges = np.linspace(0, 300, 21)
    taggers = {}
    for name, pull in (("follows", 1.0), ("does_not", 0.0)):
        score = is_signal + 0.6 * rng.normal(size=3000) - pull * np.abs(mass - 173) / 100
        found = measure(Rows(score, mass, is_signal), edges, (0.3, 0.5), 20, 1)
        change = {"value": -0.1 * (1 + pull), "error": 0.02, "variation": "jes_up"}
        found["robustness"] = [
            {"efficiency": at["efficiency"], "rejection": at["rejection"], "fixed": None, "same": change}
            for at in found["at"]
        ]
        taggers[name] = found
    path = folder / "decorrelation.json"
    content = {"name": "mass", "variable": "mass", "edges": edges.tolist(), "efficiencies": [0.3, 0.5]}
    write_json(path, {**content, "response": "energy_scale", "taggers": taggers})
    return path
