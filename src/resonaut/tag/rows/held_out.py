"""Rows that are kept out of the training, to see what a network says of values that it never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Ranges = Mapping[str, tuple[float, float]]


def inside(values: np.ndarray, limits: Sequence[float]) -> np.ndarray:
    """Which values lie in a range, its ends included, (n,) bool."""
    low, high = limits
    return (values >= low) & (values <= high)


def without(part: np.ndarray, columns: Mapping[str, np.ndarray], ranges: Ranges) -> np.ndarray:
    """Parts of rows: those of a range are in none (-1), unless they are test rows (2).

    Args:
        part: (n,) part of each row.
        columns: (n,) each.
        ranges: by column.
    """
    part = part.copy()
    for name, limits in ranges.items():
        part[inside(columns[name], limits) & (part != 2)] = -1
    return part


def describe(columns: Mapping[str, np.ndarray], trained: np.ndarray, ranges: Ranges) -> dict[str, Any]:
    """What was kept out, by column.

    Args:
        columns: (n,) each.
        trained: rows that were learnt from.
        ranges: by column.

    Returns:
        range; trained: smallest and largest value that was learnt from; position: `interpolated` if these lie
        on both sides of the range, else `extrapolated`.
    """
    found = {}
    for name, (low, high) in ranges.items():
        least, largest = float(columns[name][trained].min()), float(columns[name][trained].max())
        between = least < low and high < largest
        found[name] = {
            "range": [low, high],
            "trained": [least, largest],
            "position": "interpolated" if between else "extrapolated",
        }
    return found


def flags(columns: Mapping[str, np.ndarray], rows: np.ndarray, ranges: Ranges) -> dict[str, np.ndarray]:
    """Columns of files of scores, `held_out_<name>`: 1 of the rows whose value was kept out."""
    return {
        f"held_out_{name}": inside(columns[name][rows], limits).astype(np.int8)
        for name, limits in ranges.items()
    }
