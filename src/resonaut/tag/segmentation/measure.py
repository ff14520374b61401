"""How well shares of hits separate two showers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.tag.segmentation.overlap import Pairs

_FEWEST = 20
"""Pairs that a resolution is given for."""


def matched(pairs: Pairs, shares: np.ndarray) -> np.ndarray:
    """Shares (n_hits, 2) with the two showers of each pair in the order that assigns more energy rightly."""
    straight, crossed = (_right(pairs, own) for own in (shares, shares[:, ::-1]))
    return np.where((crossed > straight)[pairs.owner][:, None], shares[:, ::-1], shares)


def _right(pairs: Pairs, shares: np.ndarray) -> np.ndarray:
    """(n_pairs,) GeV that stands with the shower that left it."""
    energy = pairs.energies.sum(axis=1, keepdims=True, dtype=np.float64)
    return ragged.sums(np.minimum(shares * energy, pairs.energies).sum(axis=1), pairs.offsets)


def separation(pairs: Pairs, shares: np.ndarray, edges: Sequence[float]) -> list[dict[str, Any]]:
    """Response, resolution and rightly assigned energy in bins of the distance of the axes.

    The response is reconstructed over true visible energy, of both showers of each pair. Its `mean`, its
    `resolution` (half of the central 68.27 %) and the `resolution_standard` error (from the number of pairs,
    as of a normal distribution); `assigned`, the mean share of the energy that stands with its shower, and
    its error. null where there are fewer than 20 pairs.

    Args:
        shares: (n_hits, 2) in any order of the showers.
        edges: rising, cells.
    """
    shares = matched(pairs, shares)
    energy = pairs.energies.sum(axis=1, dtype=np.float64)
    true, found = (
        np.stack([ragged.sums(values[:, k], pairs.offsets) for k in range(2)], axis=1)
        for values in (pairs.energies.astype(np.float64), shares * energy[:, None])
    )
    assigned = _right(pairs, shares) / np.maximum(true.sum(axis=1), 1e-30)
    response = found / np.maximum(true, 1e-30)
    usable = (true > 0).all(axis=1)
    bins = []
    for low, high in itertools.pairwise(edges):
        chosen = usable & (pairs.distance >= low) & (pairs.distance < high)
        bins.append({"low": float(low), "high": float(high), **_entry(response[chosen], assigned[chosen])})
    return bins


def _entry(response: np.ndarray, assigned: np.ndarray) -> dict[str, Any]:
    n = len(assigned)
    names = ("mean", "resolution", "resolution_standard", "assigned", "assigned_standard")
    if n < _FEWEST:
        return {"n_pairs": n, **dict.fromkeys(names)}
    low, high = np.quantile(response, [0.15865, 0.84135])
    resolution = 0.5 * (high - low)
    values = (
        *(response.mean(), resolution, resolution / np.sqrt(2 * n)),
        *(assigned.mean(), assigned.std(ddof=1) / np.sqrt(n)),
    )
    return {"n_pairs": n, **{name: float(value) for name, value in zip(names, values, strict=True)}}
