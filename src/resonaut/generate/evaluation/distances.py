"""Distances of samples of equal size."""

from __future__ import annotations

import numpy as np


def wasserstein1(first: np.ndarray, second: np.ndarray) -> float:
    """Wasserstein-1 distance of two samples of equal size: the mean distance of their order statistics.

    Args:
        first, second: (n,).
    """
    return float(np.abs(np.sort(first) - np.sort(second)).mean())


def mean_image_l1(first: np.ndarray, second: np.ndarray) -> float:
    """Sum over pixels of the difference of mean images; 2 at most for images of sum 1.

    Args:
        first, second: (n, P, P), (m, P, P).
    """
    difference = first.mean(axis=0, dtype=np.float64) - second.mean(axis=0, dtype=np.float64)
    return float(np.abs(difference).sum())


def correlation(values: np.ndarray) -> np.ndarray:
    """Linear correlation of columns (n, d), (d, d); 0 where a column is constant."""
    centred = values - values.mean(0)
    width = np.sqrt((centred**2).mean(0))
    scaled = centred / np.where(width > 0, width, 1.0)
    return scaled.T @ scaled / len(values)
