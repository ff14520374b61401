"""An adaptive grid of importance sampling, one axis at a time (Lepage, doi:10.1016/0021-9991(78)90004-9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Integrand = Callable[[np.ndarray], np.ndarray]
"""f(points (n, n_dimensions) in the unit cube) -> (n,), not negative."""


@dataclass(frozen=True)
class Grid:
    """Bins of equal probability.

    Attributes:
        edges: (n_dimensions, n_bins + 1), from 0 to 1.
    """

    edges: np.ndarray

    def points(self, uniform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points of the grid's density.

        Args:
            uniform: (n, n_dimensions) uniform numbers in [0, 1).

        Returns:
            Points (n, n_dimensions), and one over their density, (n,).
        """
        n_bins = self.edges.shape[1] - 1
        place = uniform * n_bins
        number = np.minimum(place.astype(np.int64), n_bins - 1)
        axis = np.arange(len(self.edges))
        low = self.edges[axis, number]
        width = self.edges[axis, number + 1] - low
        return low + (place - number) * width, (n_bins * width).prod(1)


def uniform_grid(n_dimensions: int, n_bins: int) -> Grid:
    """Bins of equal width."""
    return Grid(np.tile(np.linspace(0, 1, n_bins + 1), (n_dimensions, 1)))


def adapt(
    integrand: Integrand,
    n_dimensions: int,
    n_bins: int,
    n_points: int,
    n_iterations: int,
    damping: float,
    random: np.random.Generator,
) -> Grid:
    """Adapt a grid to an integrand.

    Args:
        integrand: what is integrated.
        n_dimensions: of its points.
        n_bins: per axis.
        n_points: per iteration.
        n_iterations: of the grid.
        damping: the exponent alpha of Lepage's equation 19; 0 leaves the grid as it is.
        random: gives the points.
    """
    grid = uniform_grid(n_dimensions, n_bins)
    for _ in range(n_iterations):
        uniform = random.random((n_points, n_dimensions))
        points, inverse_density = grid.points(uniform)
        squares = (integrand(points) * inverse_density) ** 2
        number = np.minimum((uniform * n_bins).astype(np.int64), n_bins - 1)
        spread = np.stack([np.bincount(own, squares, n_bins) for own in number.T])
        grid = Grid(np.stack([_refined(*pair, damping) for pair in zip(grid.edges, spread, strict=True)]))
    return grid


def _refined(edges: np.ndarray, spread: np.ndarray, damping: float) -> np.ndarray:
    """New edges of one axis, with an equal part of the damped and smoothed spread in each bin."""
    if not spread.sum() > 0:
        return edges
    # The mean of a bin and its neighbours; the ends have one.
    padded = np.concatenate([spread[:1], spread, spread[-1:]])
    smooth = (padded[:-2] + 6 * padded[1:-1] + padded[2:]) / 8
    share = np.clip(smooth / smooth.sum(), 1e-12, 1 - 1e-12)
    importance = ((share - 1) / np.log(share)) ** damping
    total = np.concatenate([[0], np.cumsum(importance)])
    wanted = np.linspace(0, total[-1], len(edges))
    found = np.interp(wanted, total, edges)
    found[[0, -1]] = 0, 1
    return found
