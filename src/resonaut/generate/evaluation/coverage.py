"""Copies of training rows, and parts of the distribution that are never generated.

Rows are points here, (n, n_features); distances are Euclidean, so columns are brought to like scales first
(`Scale`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

N_NEIGHBOURS = 5
COPY = 1e-6
"""A nearest training row closer than this share of the median distance of held-out rows is called a copy."""
_SLICE = 1024


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of the columns of real rows; a constant column counts as it is.

    Attributes:
        mean, width: (n_features,).
    """

    mean: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Scale:
        """Of rows (n, n_features)."""
        width = values.std(0)
        return cls(values.mean(0), np.where(width > 0, width, 1.0))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(n, n_features) float64 rows in units of the deviations."""
        return (values - self.mean) / self.width


def nearest(points: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest of some points, and its row.

    Args:
        points: (n, d).
        among: (m, d), at least one.

    Returns:
        (n,) distances and (n,) rows of `among`.
    """
    square = np.einsum("nd,nd->n", among, among)
    rows = np.concatenate(
        [
            (square - 2 * points[start : start + _SLICE] @ among.T).argmin(1)
            for start in range(0, len(points), _SLICE)
        ]
    )
    # Anew from the difference: a copy has distance 0, and not what rounding leaves of large squares.
    return np.linalg.norm(points - among[rows], axis=1), rows


def radius(points: np.ndarray, n_neighbours: int = N_NEIGHBOURS) -> np.ndarray:
    """Distance of each point to its `n_neighbours`-th nearest other point, (n,); of points (n, d)."""
    square = np.einsum("nd,nd->n", points, points)
    parts = []
    for start in range(0, len(points), _SLICE):
        own = points[start : start + _SLICE]
        distance = square[start : start + _SLICE, None] + square - 2 * own @ points.T
        distance[np.arange(len(own)), start + np.arange(len(own))] = -np.inf
        parts.append(np.partition(distance, n_neighbours, axis=1)[:, n_neighbours])
    return np.sqrt(np.maximum(np.concatenate(parts), 0.0))


def coverage(real: np.ndarray, generated: np.ndarray, radii: np.ndarray) -> tuple[float, float]:
    """Coverage and density of generated rows (arXiv:2002.09797).

    Args:
        real: (n, d).
        generated: (m, d).
        radii: (n,) of `radius` of the real rows.

    Returns:
        The share of real rows with a generated one nearer than their radius, and the mean number of such
        balls that a generated row lies in, over the number of neighbours; both fall below the floor where
        parts of the distribution are missing or rows lie outside of it.
    """
    square = np.einsum("nd,nd->n", generated, generated)
    hit, total = 0, 0
    for start in range(0, len(real), _SLICE):
        own = real[start : start + _SLICE]
        distance = np.einsum("nd,nd->n", own, own)[:, None] + square - 2 * own @ generated.T
        inside = distance <= radii[start : start + _SLICE, None] ** 2
        hit += int(inside.any(1).sum())
        total += int(inside.sum())
    return hit / len(real), total / (N_NEIGHBOURS * len(generated))


def expected_coverage(n_real: int, n_generated: int, n_neighbours: int = N_NEIGHBOURS) -> float:
    """Coverage of two samples of one distribution: 1 - prod_i (n_real - i) / (n_real + n_generated - i).

    The ball of a real row is missed if none of the nearest `n_neighbours` of all other rows is generated
    (arXiv:2002.09797; i from 1 to n_neighbours).
    """
    step = np.arange(1, n_neighbours + 1)
    return float(1 - np.prod((n_real - step) / (n_real + n_generated - step)))


def covered(real: np.ndarray, other: np.ndarray, generated: np.ndarray) -> dict[str, Any]:
    """Coverage and density beside their floors, which further real rows give.

    Args:
        real, other, generated: (n, d) points of equal number, in like scales.
    """
    radii = radius(real)
    made, floor = (coverage(real, points, radii) for points in (generated, other))
    return {
        "n_neighbours": N_NEIGHBOURS,
        "coverage": made[0],
        "coverage_floor": floor[0],
        "coverage_expected": expected_coverage(len(real), len(generated)),
        "density": made[1],
        "density_floor": floor[1],
    }


def memorised(
    training: np.ndarray, real: np.ndarray, generated: np.ndarray, shares: tuple[float, ...] = (0.01, 0.05)
) -> dict[str, Any]:
    """Whether generated rows lie nearer to training rows than held-out real rows do.

    Args:
        training: (m, d) rows that were learnt from.
        real, generated: (n, d) held-out and generated rows.
        shares: a generated row is close if it is nearer than this share of the held-out rows.

    Returns:
        median: median distance to the nearest training row of generated and of held-out rows; ratio of the
        two, below 1 where rows are repeated; close: for each share, that of the generated rows, with its
        binomial error; copies: share of generated rows at distance 0 (see `COPY`).
    """
    made, held_out = nearest(generated, training)[0], nearest(real, training)[0]
    middle = float(np.median(held_out))
    close = []
    for share in shares:
        found = float((made < np.quantile(held_out, share)).mean())
        spread = share * (1 - share) * (1 / len(made) + 1 / len(held_out))
        close.append({"expected": share, "found": found, "error": float(np.sqrt(spread))})
    return {
        "n_training": len(training),
        "median": {"generated": float(np.median(made)), "held_out": middle},
        "ratio": float(np.median(made) / middle) if middle > 0 else None,
        "close": close,
        "copies": float((made <= COPY * middle).mean()),
    }
