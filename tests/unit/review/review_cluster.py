"""What `tag cluster` writes, for figures."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from resonaut.files import write_json

EDGES = (0.0, 1.0, 2.0, 4.0, 8.0)


def _bins(best: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for low, high in itertools.pairwise(EDGES):
        entry = {"low": low, "high": high, "n_pairs": 100, "mean": 1.0}
        entry |= {"resolution": 0.4 / high, "resolution_standard": 0.03}
        found.append(entry | {"assigned": best - 0.3 / high, "assigned_standard": 0.01})
    # Too few pairs.
    found[-1] |= dict.fromkeys(("mean", "resolution", "resolution_standard", "assigned", "assigned_standard"))
    return found


def make_cluster(folder: Path) -> Path:
    """Three ways to share out hits."""
    path = folder / "separation.json"
    content = {
        "name": "two_photons",
        "n_pairs": {"training": 1200, "validation": 400, "test": 400},
        "n_hits": 355.2,
        "methods": {"gravnet": _bins(0.98), "nearest_axis": _bins(0.99), "k_means": _bins(0.95)},
    }
    write_json(path, content)
    return path
