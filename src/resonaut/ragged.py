"""Ragged columns: flat values with offsets. Row i holds values[offsets[i]:offsets[i + 1]]."""

from __future__ import annotations

import numpy as np


def offsets_of(counts: np.ndarray) -> np.ndarray:
    """(n + 1,) int64 offsets of rows with the given (n,) lengths."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def row_of(offsets: np.ndarray) -> np.ndarray:
    """(n_values,) row that each value belongs to."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def take(offsets: np.ndarray, rows: np.ndarray, longest: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Where the values of some rows stand.

    Args:
        offsets: (n + 1,).
        rows: (k,) rows wanted, in any order.
        longest: keep at most this many leading values of a row.

    Returns:
        Flat indices of the values, row after row, and the (k + 1,) offsets of the result.
    """
    first = offsets[:-1][rows]
    counts = offsets[1:][rows] - first
    if longest is not None:
        counts = np.minimum(counts, longest)
    taken = offsets_of(counts)
    return np.arange(taken[-1]) + np.repeat(first - taken[:-1], counts), taken


def keep(offsets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The (n + 1,) offsets after only the values where the (n_values,) `mask` is true are kept."""
    kept = np.zeros(len(mask) + 1, np.int64)
    np.cumsum(mask, out=kept[1:])
    return kept[offsets]


def rank(offsets: np.ndarray) -> np.ndarray:
    """(n_values,) position of each value inside its row, from 0."""
    return np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))


def sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(n,) sum of each row in the dtype of `values`; 0 for an empty row."""
    total = np.zeros(len(offsets) - 1, values.dtype)
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        total[filled] = np.add.reduceat(values, offsets[:-1][filled])
    return total
