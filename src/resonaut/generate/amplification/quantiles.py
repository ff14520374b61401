"""Quantile errors, and the size of the true sample that has the same error (arXiv:2008.06545, section 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def quantile_error(uniform: np.ndarray, n_quantiles: int) -> np.ndarray:
    """sum_j (x_j - 1 / n)^2, x_j being the share of the sample in quantile j of the truth.

    Args:
        uniform: (..., n_points, n_dimensions) points on the unit cube on which the truth is uniform.
        n_quantiles: per dimension.

    Returns:
        (...).
    """
    n_cells = n_quantiles ** uniform.shape[-1]
    place = np.minimum((uniform * n_quantiles).astype(np.int64), n_quantiles - 1)
    cell = np.ravel_multi_index(tuple(np.moveaxis(place, -1, 0)), (n_quantiles,) * uniform.shape[-1])
    flat = cell.reshape(-1, cell.shape[-1])
    counts = np.bincount(
        (flat + n_cells * np.arange(len(flat))[:, None]).ravel(), minlength=n_cells * len(flat)
    )
    shares = counts.reshape(*cell.shape[:-1], n_cells) / cell.shape[-1]
    return error_of_shares(shares)


def error_of_shares(shares: np.ndarray) -> np.ndarray:
    """The same of the shares themselves, (..., n_cells)."""
    return ((shares - 1 / shares.shape[-1]) ** 2).sum(-1)


def expected_error(n_points: float, n_cells: int) -> float:
    """Expected quantile error of a true sample: the variance of multinomial shares, (1 - 1 / n_cells) / n."""
    return (1 - 1 / n_cells) / n_points


@dataclass(frozen=True)
class Equivalent:
    """A true sample that has the same mean quantile error.

    Attributes:
        error, error_standard: mean quantile error over repetitions, and the standard error of this mean.
        size: of the true sample.
        factor, factor_standard: size over the number of training points, and its standard error, to first
            order.
    """

    error: float
    error_standard: float
    size: float
    factor: float
    factor_standard: float


def equivalent(errors: np.ndarray, n_cells: int, n_training: int) -> Equivalent:
    """The true sample that is as good as these, on average.

    Args:
        errors: (n_repetitions,) quantile errors.
        n_cells: of the quantiles of all dimensions.
        n_training: points that were learnt or fitted.
    """
    mean, standard = float(errors.mean()), float(errors.std(ddof=1) / np.sqrt(len(errors)))
    size = expected_error(1, n_cells) / mean
    factor = size / n_training
    return Equivalent(mean, standard, size, factor, factor * standard / mean)
