"""Two weighted samples that share events: how a rate and a shape change, and how surely.

The statistical errors of both samples are those of their events; what an event that stands in both does to
one it does to the other, so that a systematic shift of all events is known far better than either sample.
Events are taken as Poisson counts, errors to first order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_GROUPS = 5
"""Parts of the nominal sample, equally large, whose shares are tested for a change of the shape."""
_FEWEST = 10.0
"""Effective events of both samples in such a part."""


@dataclass(frozen=True)
class Binned:
    """Selected events of a sample.

    Attributes:
        event: (n,) number of each event, unique.
        weight: (n,).
        place: (n,) its bin, from 0 to the number of bins, the last being outside of them.
    """

    event: np.ndarray
    weight: np.ndarray
    place: np.ndarray


@dataclass(frozen=True)
class Change:
    """What differs between a varied and a nominal sample.

    Attributes:
        ratio: of the sums of weights, varied over nominal; log_error: standard deviation of its logarithm.
        difference: (n_bins,) of the shares of the samples that lie in the bins.
        covariance: (n_bins, n_bins) of it.
        p_value: of no change of the shape (chi-squared of the shares of a few merged bins); 1 where too few
            events are there to tell.
    """

    ratio: float
    log_error: float
    difference: np.ndarray
    covariance: np.ndarray
    p_value: float


def change(nominal: Binned, varied: Binned, n_bins: int) -> Change:
    """Compare two samples of events, neither of them empty."""
    total = nominal.weight.sum(), varied.weight.sum()
    shares = [
        np.bincount(sample.place, sample.weight, n_bins + 1)[:n_bins] / whole
        for sample, whole in zip((nominal, varied), total, strict=True)
    ]
    squares = [
        np.bincount(sample.place, (sample.weight / whole) ** 2, n_bins + 1)
        for sample, whole in zip((nominal, varied), total, strict=True)
    ]
    _, first, second = np.intersect1d(nominal.event, varied.event, return_indices=True, assume_unique=True)
    products = nominal.weight[first] * varied.weight[second] / (total[0] * total[1])
    joint = np.zeros((n_bins + 1, n_bins + 1))
    np.add.at(joint, (nominal.place[first], varied.place[second]), products)
    # What one event does to the shares: its own bin gains, all lose in proportion.
    influence = [np.eye(n_bins + 1, n_bins) - share for share in shares]
    cross = influence[0].T @ joint @ influence[1]
    covariance = sum(
        own.T @ (square[:, None] * own) for own, square in zip(influence, squares, strict=True)
    ) - (cross + cross.T)
    variance = squares[0].sum() + squares[1].sum() - 2 * products.sum()
    difference = shares[1] - shares[0]
    return Change(
        ratio=float(total[1] / total[0]),
        log_error=float(np.sqrt(max(variance, 0.0))),
        difference=difference,
        covariance=covariance,
        p_value=_p_value(difference, covariance, shares, squares),
    )


def _p_value(
    difference: np.ndarray, covariance: np.ndarray, shares: list[np.ndarray], squares: list[np.ndarray]
) -> float:
    from scipy.stats import chi2

    groups = _groups(shares, squares)
    if groups is None:
        return 1.0
    moved, error = groups @ difference, groups @ covariance @ groups.T
    values, vectors = np.linalg.eigh(error)
    # A change of no bin, known exactly, is no change; one of which no error is known is one.
    usable = values > 1e-9 * max(values.max(), 1e-300)
    if values.max() <= 0:
        return 1.0
    chi_squared = float(((vectors.T @ moved)[usable] ** 2 / values[usable]).sum())
    return float(chi2.sf(chi_squared, int(usable.sum())))


def _groups(shares: list[np.ndarray], squares: list[np.ndarray]) -> np.ndarray | None:
    """(n_groups, n_bins) neighbouring bins with equal parts of both samples; None for too few events."""
    mean, square = (shares[0] + shares[1]) / 2, (squares[0] + squares[1])[:-1] / 2
    inside = mean.sum()
    if not inside > 0:
        return None
    effective = inside**2 / max(square.sum(), 1e-300)
    number = min(_GROUPS, int(effective // _FEWEST))
    if number < 2:
        return None
    middle = (np.cumsum(mean) - mean / 2) / inside
    place = np.clip((middle * number).astype(int), 0, number - 1)
    groups = (np.arange(number)[:, None] == place).astype(float)
    return groups[groups @ mean > 0]
