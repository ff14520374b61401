"""Goodness of fit by toys: how often would data of the fitted spectrum be described as badly as these.

Each toy is drawn from the fitted spectrum and fitted again. Statistics: the deviance (of the saturated model,
Baker and Cousins, doi:10.1016/0167-5087(84)90016-4), which sees single bins, and the Kolmogorov-Smirnov
distance between the cumulative counts and the fit, which sees slow trends. Their distributions after a fit
are not the textbook ones, hence the toys. p = (1 + k) / (1 + n) for k of n toys that are at least as far
(doi:10.2202/1544-6115.1585).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.stats import poisson
from resonaut.stats.loglinear import LogLinear

_ROWS = 20_000
"""Toys that are fitted together: bounds the memory."""

_SAME = 1e-7
"""Relative difference within which two deviances are equal: what the convergence of the fits leaves."""


@dataclass(frozen=True)
class Goodness:
    """Goodness of fit of any number of spectra; NaN where the fit to the data did not converge.

    Attributes:
        deviance: (...) of the fit to the data.
        p_deviance, p_deviance_error: (...) its p-value and the binomial error of that.
        ks: (...) Kolmogorov-Smirnov distance, from 0 to 1.
        p_ks, p_ks_error: (...) the same for the distance.
        n_toys: (...) toys whose fit converged; the others are not counted.
    """

    deviance: np.ndarray
    p_deviance: np.ndarray
    p_deviance_error: np.ndarray
    ks: np.ndarray
    p_ks: np.ndarray
    p_ks_error: np.ndarray
    n_toys: np.ndarray


def ks_distance(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(...) largest difference of the cumulative fractions of `counts` and `expected` (..., n_bins)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = np.cumsum(counts, axis=-1) / counts.sum(axis=-1, keepdims=True)
        wanted = np.cumsum(expected, axis=-1) / expected.sum(axis=-1, keepdims=True)
    return np.abs(seen - wanted).max(axis=-1)


def by_toys(model: LogLinear, counts: np.ndarray, n_toys: int, rng: np.random.Generator) -> Goodness:
    """Goodness of fit of `model`, from toys that are fitted again.

    Args:
        model: the spectrum.
        counts: (..., n_bins).
        n_toys: per spectrum.
        rng: for the toys.
    """
    counts = np.asarray(counts, float)
    shape = counts.shape[:-1]
    flat = counts.reshape(-1, model.n_bins)
    fits = poisson.fit(model, flat)
    ks = ks_distance(flat, fits.expected)
    far = np.zeros((2, len(flat)), np.int64)
    drawn = np.zeros(len(flat), np.int64)
    for row in np.flatnonzero(fits.converged):
        for first in range(0, n_toys, _ROWS):
            size = min(_ROWS, n_toys - first)
            toys = rng.poisson(fits.expected[row], (size, model.n_bins))
            again = poisson.fit(model, toys, start=fits.parameters[row])
            good = again.converged
            drawn[row] += good.sum()
            limit = fits.deviance[row] - _SAME * (1 + fits.deviance[row])
            far[0, row] += (again.deviance[good] >= limit).sum()
            distance = ks_distance(toys[good], again.expected[good])
            far[1, row] += (distance >= ks[row] - _SAME).sum()
    with np.errstate(invalid="ignore"):
        p = np.where(fits.converged & (drawn > 0), (1 + far) / (1 + drawn), np.nan)
        error = np.sqrt(p * (1 - p) / drawn)
    return Goodness(
        fits.deviance.reshape(shape),
        p[0].reshape(shape),
        error[0].reshape(shape),
        np.where(fits.converged, ks, np.nan).reshape(shape),
        p[1].reshape(shape),
        error[1].reshape(shape),
        drawn.reshape(shape),
    )


def chi2_p_value(deviance: np.ndarray, degrees_of_freedom: np.ndarray) -> np.ndarray:
    """Probability of a larger deviance at many events per bin; NaN without degrees of freedom."""
    from scipy.special import gammaincc

    freedom = np.asarray(degrees_of_freedom, float)
    return np.where(freedom > 0, gammaincc(np.maximum(freedom, 1) / 2, deviance / 2), np.nan)
