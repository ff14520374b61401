"""What `tag response` writes, for figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from resonaut.files import write_json
from resonaut.stats import response_summary as summary
from resonaut.stats.response import Classes, Sample, bin_edges, measure

SOURCES = {"jes": ["jes_up", "jes_down"], "tracks": ["tracks"]}
SIGMA = {"jes_up": 1.0, "jes_down": -1.0, "tracks": 1.0}


def _classes(signal: np.ndarray, background: np.ndarray) -> Classes:
    def sample(values: np.ndarray, first: int) -> Sample:
        key = first + np.arange(len(values), dtype=np.uint64)
        return Sample(1 / (1 + np.exp(-values)), key, np.ones(len(values)))

    return Classes(sample(signal, 0), sample(background, 10**6))


def make_response(folder: Path, n_rows: int = 2000) -> Path:
    """Two taggers whose scores are shifted, one half as much as the other."""
    rng = np.random.default_rng(3)
    signal, background = rng.normal(2, 1.5, n_rows), rng.normal(-2, 1.5, n_rows)
    taggers = {}
    for name, size in (("dense", 1.0), ("disco", 0.5)):
        nominal = _classes(signal, background)
        varied = {
            "jes_up": _classes(signal, background + 0.2 * size),
            "jes_down": _classes(signal, background - 0.2 * size),
            "tracks": _classes(signal - 0.3 * size, background),
        }
        edges = bin_edges(nominal)
        measured = measure(nominal, varied, (0.3, 0.5), 30, 1, edges)
        reference = measured["nominal"]
        taggers[name] = {
            "n_rows": {"signal": n_rows, "background": n_rows},
            "nominal": summary.of_nominal(reference, (0.3, 0.5), n_rows),
            "varied": {key: summary.of_variation(reference, measured[key], (0.3, 0.5)) for key in varied},
            "total": summary.total(measured, SOURCES, SIGMA, (0.3, 0.5)),
            "histograms": {
                "edges": edges.tolist(),
                "share": {key: shape[0].tolist() for key, shape in reference.shape.items()},
            },
        }
    path = folder / "response.json"
    content = {"name": "all", "efficiencies": [0.3, 0.5], "sources": SOURCES, "taggers": taggers}
    write_json(path, {**content, "variations": {name: {"sigma": value} for name, value in SIGMA.items()}})
    return path
