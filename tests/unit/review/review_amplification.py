"""What `generate amplify` writes, for figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from resonaut.files import write_json

SIZES = (100, 1_000, 10_000)


def _worth(factor: float, n_cells: int) -> dict[str, float]:
    error = (1 - 1 / n_cells) / (100 * factor)
    return {
        "error": error,
        "error_standard": 0.1 * error,
        "size": 100 * factor,
        "factor": factor,
        "factor_standard": 0.1 * factor,
    }


def _curve(least: float, n_cells: int) -> list[dict[str, Any]]:
    expected = [(1 - 1 / n_cells) / size for size in SIZES]
    return [
        {"size": size, "error": least + own, "error_standard": 0.1 * (least + own), "expected": own}
        for size, own in zip(SIZES, expected, strict=True)
    ]


def make_amplification(folder: Path) -> Path:
    """Numbers of samples and of generators that are worth two and three times the training sample."""
    path = folder / "errors.json"
    entries = [
        {
            "n_quantiles": n_cells,
            "n_cells": n_cells,
            "curves": {
                name: _curve(least, n_cells) for name, least in (("sample", 0), ("gan", 5e-3), ("flow", 3e-3))
            },
            "training": _worth(1, n_cells),
            "fit": _worth(5, n_cells),
            "generators": {"gan": _worth(2, n_cells), "flow": _worth(3, n_cells)},
        }
        for n_cells in (10, 50)
    ]
    head = {"name": "camel_back", "distribution": "camel_back", "n_training": 100, "repetitions": 20}
    write_json(path, {**head, "quantiles": entries})
    return path
