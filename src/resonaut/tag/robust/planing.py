"""Planing: weights that give a variable the same flat distribution in every class (arXiv:1908.08959)."""

from __future__ import annotations

import numpy as np

LARGEST = 50.0
"""Largest weight relative to the mean: a bin with few rows must not carry the training."""


def weights(variable: np.ndarray, group: np.ndarray, weight: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Weights in which the variable is flat over its bins in each class; each class keeps its sum.

    Args:
        variable: (n,) of each row.
        group: (n,) number of the class.
        weight: (n,) before.
        edges: (n_bins + 1,) ascending; rows beyond count in the outermost bins.

    Returns:
        (n,) float32: weight / density of the class in its bin, at most 50 times its mean.
    """
    bins = np.clip(np.searchsorted(edges, variable, side="right") - 1, 0, len(edges) - 2)
    widths = np.diff(edges)
    planed = np.zeros(len(weight))
    for number in np.unique(group):
        own = group == number
        density = np.bincount(bins[own], weights=weight[own], minlength=len(widths)) / widths
        factor = np.divide(1.0, density, out=np.zeros_like(density), where=density > 0)
        made = weight[own] * factor[bins[own]]
        made = np.minimum(made, LARGEST * made.mean())
        planed[own] = made * (weight[own].sum() / made.sum())
    return planed.astype(np.float32)


def equal_edges(variable: np.ndarray, group: np.ndarray, n_bins: int) -> np.ndarray:
    """Edges of bins of equal width where all classes have rows: between quantiles of 0.5 %."""
    ranges = [np.quantile(variable[group == number], (0.005, 0.995)) for number in np.unique(group)]
    low, high = max(r[0] for r in ranges), min(r[1] for r in ranges)
    if not low < high:
        low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    return np.linspace(low, high, n_bins + 1)
