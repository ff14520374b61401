"""Clustering without training: what a network must beat."""

from __future__ import annotations

import numpy as np

from resonaut import ragged
from resonaut.tag.segmentation.overlap import Pairs

_ITERATIONS = 30


def nearest_axis(pairs: Pairs) -> np.ndarray:
    """All of a hit to the nearer of the true axes; half to each where they are as near. (n_hits, 2)."""
    return _to_nearest(pairs, pairs.axes)


def k_means(pairs: Pairs) -> np.ndarray:
    """Two clusters of the hits in row and column, weighted by energy (Lloyd, doi:10.1109/TIT.1982.1056489).

    They begin on both sides of the centre of gravity, one width away along the longer principal axis.

    Returns:
        (n_hits, 2), 1 for the hit's cluster.
    """
    owner, place = pairs.owner, pairs.places()[:, 1:]
    energy = pairs.energies.sum(axis=1).astype(np.float64)
    total = np.maximum(ragged.sums(energy, pairs.offsets), 1e-30)
    centre = _sums(place * energy[:, None], pairs) / total[:, None]
    apart = place - centre[owner]
    products = np.stack([apart[:, 0] ** 2, apart[:, 0] * apart[:, 1], apart[:, 1] ** 2], axis=1)
    rr, rc, cc = (_sums(products * energy[:, None], pairs) / total[:, None]).T
    angle = 0.5 * np.arctan2(2 * rc, rr - cc)
    width = np.sqrt(0.5 * (rr + cc + np.hypot(rr - cc, 2 * rc)))
    step = width[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    means = np.stack([centre - step, centre + step], axis=1)
    for _ in range(_ITERATIONS):
        weight = _to_nearest(pairs, means) * energy[:, None]
        for number in range(2):
            share = _sums(weight[:, number : number + 1], pairs)
            moved = _sums(place * weight[:, number : number + 1], pairs) / np.maximum(share, 1e-30)
            means[:, number] = np.where(share > 0, moved, means[:, number])
    return _to_nearest(pairs, means)


def _to_nearest(pairs: Pairs, points: np.ndarray) -> np.ndarray:
    """Shares (n_hits, 2) by the nearer of the (n_pairs, 2, 2) points in row and column."""
    squared = ((pairs.places()[:, None, 1:] - points[pairs.owner]) ** 2).sum(axis=2)
    nearer = squared - squared[:, ::-1]
    return np.where(nearer == 0, 0.5, (nearer < 0) * 1.0)


def _sums(values: np.ndarray, pairs: Pairs) -> np.ndarray:
    """(n_pairs, n_columns) sums over the hits of each pair."""
    return np.stack([ragged.sums(column, pairs.offsets) for column in values.T], axis=1)
