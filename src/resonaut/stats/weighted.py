"""Histograms as counts: what is refused, and how weighted ones become counts.

A weighted histogram has sums of weights w_b and of their squares v_b. Its bins are not Poisson numbers, but
scaled by one factor f = sum_b w_b / sum_b v_b they are nearly: n_b = f w_b adds up to the effective number of
entries (sum w)^2 / sum w^2, and if the weights are spread alike over the spectrum each bin has a variance of
n_b (Bohm and Zech, arXiv:1309.1287). Numbers of events that are fitted to n_b are divided by f.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.errors import BadValueError, EmptyFileError

_INTEGER = 1e-6


@dataclass(frozen=True)
class Effective:
    """Effective counts of a weighted histogram.

    Attributes:
        counts: (..., n_bins), not integers.
        factor: (...) effective entries per unit of weight.
        worst_ratio: (...) largest ratio of a bin's variance to what the effective counts say, or its inverse,
            over bins that are filled: 1 where the treatment is exact.
    """

    counts: np.ndarray
    factor: np.ndarray
    worst_ratio: np.ndarray


def check_counts(counts: np.ndarray, where: str, weighted: bool = False) -> np.ndarray:
    """Refuse what cannot be numbers of events. Empty bins are fine.

    Args:
        counts: (n_bins,).
        where: file or key, for messages.
        weighted: sums of weights are given: they need not be integers.

    Returns:
        (n_bins,) float64.

    Raises:
        BadValueError: a value is NaN, infinite or negative, or (where not weighted) not an integer.
        EmptyFileError: all bins are empty.
    """
    values = np.asarray(counts, float)
    _refuse(~np.isfinite(values), values, where, "a finite number of events is expected")
    _refuse(
        values < 0,
        values,
        where,
        "a number of events is not negative. Merge the bin with its neighbours, or give the "
        "spectrum before something is subtracted from it",
    )
    if not weighted:
        _refuse(
            np.abs(values - np.round(values)) > _INTEGER * np.maximum(values, 1),
            values,
            where,
            "a whole number of events is expected. Of a weighted spectrum give the errors too (they "
            "become effective entries), or multiply a cross-section by luminosity and bin width",
        )
    if values.sum() == 0:
        raise EmptyFileError(f"{where}: all {values.size} bins are empty; events are expected.")
    return values if weighted else np.round(values)


def _refuse(wrong: np.ndarray, values: np.ndarray, where: str, expected: str) -> None:
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        others = f" ({int(wrong.sum()) - 1} more bins)" if wrong.sum() > 1 else ""
        raise BadValueError(f"{where}: bin {first} holds {values[first]:g}{others}; {expected}.")


def effective_counts(weights: np.ndarray, variances: np.ndarray, where: str) -> Effective:
    """Scale a weighted histogram to its effective entries.

    Args:
        weights: (..., n_bins) sums of weights, not negative.
        variances: (..., n_bins) sums of squared weights: squares of the errors.
        where: file or key, for messages.

    Raises:
        BadValueError: a variance is negative or NaN, or zero in a bin that is filled.
    """
    weights, variances = np.asarray(weights, float), np.asarray(variances, float)
    wrong = ~np.isfinite(variances) | (variances < 0) | ((variances == 0) & (weights > 0))
    if wrong.any():
        first = tuple(int(axis[0]) for axis in np.nonzero(wrong))
        raise BadValueError(
            f"{where}: bin {first[-1]} holds {weights[first]:g} with a variance of {variances[first]:g}; a "
            "filled bin of a weighted spectrum needs a positive error. Give the square root of the sum of "
            "squared weights."
        )
    factor = weights.sum(axis=-1) / variances.sum(axis=-1)
    counts = factor[..., None] * weights
    filled = weights > 0
    ratio = factor[..., None] ** 2 * np.where(filled, variances, 1) / np.where(filled, counts, 1)
    ratio = np.where(filled, np.maximum(ratio, 1 / ratio), 1)
    return Effective(counts, factor, ratio.max(axis=-1))
