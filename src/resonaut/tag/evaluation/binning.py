"""Bins in a variable of jets: about equally many jets in each, between round numbers."""

from __future__ import annotations

import numpy as np

N_BINS = 10
N_DISTINCT = 20
"""So many values of a variable, or fewer, are bins of their own."""
TAIL = 0.001
"""Fraction of the jets that may lie beyond either end."""


def round_edges(values: np.ndarray, n_bins: int = N_BINS, weights: np.ndarray | None = None) -> np.ndarray:
    """Edges at quantiles, rounded to multiples of 1, 2 or 5 times a power of ten.

    The step is at most a quarter of the narrowest bin wanted, or a thousandth of the range if that is more.

    Args:
        values: (n,) at least one.
        weights: (n,) positive; the quantiles are those of the weighted values.

    Returns:
        (n_edges,) rising, n_edges from 2 to n_bins + 1.
    """
    shares = np.concatenate([[TAIL], np.arange(1, n_bins) / n_bins, [1 - TAIL]])
    wanted = np.quantile(values, shares, weights=weights, method="inverted_cdf").astype(float)
    reach = wanted[-1] - wanted[0]
    if reach <= 0:
        half = 0.5 * max(abs(wanted[0]), 1.0)
        return np.array([wanted[0] - half, wanted[0] + half])
    widths = np.diff(wanted)
    raw = max(float(widths[widths > 0].min()), 4e-3 * reach) / 4
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * max(factor for factor in (1, 2, 5) if factor * power <= raw * 1.000001)
    whole = np.round(wanted / step)
    whole[0], whole[-1] = np.floor(wanted[0] / step), np.ceil(wanted[-1] / step)
    # A product with a step below 1 has digits of no meaning.
    return np.round(np.unique(whole) * step, max(0, int(np.ceil(-np.log10(step)))))


def edges_of(values: np.ndarray) -> np.ndarray:
    """Edges half-way between values of which there are few, a beam's energies; `round_edges` of others.

    Args:
        values: (n,) at least one.
    """
    distinct = np.unique(values)
    if not 1 < len(distinct) <= N_DISTINCT:
        return round_edges(values)
    middle = (distinct[1:] + distinct[:-1]) / 2
    first, last = distinct[0] - (middle[0] - distinct[0]), distinct[-1] + (distinct[-1] - middle[-1])
    return np.concatenate([[first], middle, [last]])


def bin_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Bin of each value, (n,) int; -1 outside. The last bin holds its upper edge."""
    found = np.searchsorted(edges, values, side="right") - 1
    found[values == edges[-1]] = len(edges) - 2
    found[(values < edges[0]) | (values > edges[-1]) | ~np.isfinite(values)] = -1
    return found


def equal_class_weights(label: np.ndarray) -> np.ndarray:
    """Weights with mean 1 that give all classes present the same sum, (n,): as a training sees them.

    Args:
        label: (n,) index of the class, whole numbers from 0.
    """
    label = label.astype(np.int64)
    counts = np.bincount(label)
    return (len(label) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[label]
