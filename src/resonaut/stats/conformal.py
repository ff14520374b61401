"""Conformal p-values of events from side bands, and the test of how many events of a window are unusual.

An event's p-value is the rank of its score among those of calibration events, which are background. It is
valid whatever the score is, as long as both are exchangeable (split conformal: Vovk, Gammerman, Shafer,
doi:10.1007/b106715; Lei et al., arXiv:1604.04173; the rank itself: Phipson and Smyth,
doi:10.2202/1544-6115.1585). Where the background of the signal region has other scores than that of the side
bands, ranks are taken with the ratio of the two densities as weights (Tibshirani et al., arXiv:1904.06019),
or in each side band by itself (Mondrian, doi:10.1007/b106715, section 4.5) and from there to the mass.

All events of a window share one calibration sample, so their p-values are dependent: with n calibration
events, k = floor(level (n + 1)), the probability that an event has p <= level given the sample is
Beta(k, n + 1 - k), and of N events the number with p <= level is beta-binomial (Bates et al.,
arXiv:2104.08279, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_TERMS = 64
"""Terms of a tail that are added at a time."""
_SMALLEST = 1e-17
"""Relative size of a term that no longer counts."""


def split_p_values(calibration: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(1 + number of calibration scores at least as large) / (n + 1), arXiv:1604.04173.

    Args:
        calibration: (n,) scores of background, larger is more like signal.
        scores: (...) of the events that are tested.
    """
    ordered = np.sort(calibration)
    return (1 + len(ordered) - np.searchsorted(ordered, scores, side="left")) / (len(ordered) + 1)


def weighted_p_values(
    calibration: np.ndarray, weights: np.ndarray, scores: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Ranks with weights that are ratios of densities, arXiv:1904.06019, eqs. 6 to 8.

    Args:
        calibration: (n,) scores of background.
        weights: (n,) density where events are tested over that of the calibration, up to a factor.
        scores: (...) of the events that are tested.
        own: (...) their weights, with the same factor.
    """
    order = np.argsort(calibration, kind="stable")
    above = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)
    reached = above[np.searchsorted(calibration[order], scores, side="left")]
    return (own + reached) / (own + above[0])


def mondrian_p_values(p_values: np.ndarray, share: np.ndarray) -> np.ndarray:
    """p-values of two categories, side bands below and above, interpolated in their logarithm.

    Exact where the logarithm of the efficiency of each cut is linear in `share`.

    Args:
        p_values: (2, ...) of each event in each category.
        share: (...) of the second category: 0 at the mean mass of the first, 1 at that of the second; numbers
            beyond are taken for the nearer of the two.
    """
    share = np.clip(share, 0.0, 1.0)
    low, high = np.log(p_values)
    return np.exp((1 - share) * low + share * high)


@dataclass(frozen=True)
class BetaNull:
    """What is known of the probability that background has p <= level.

    Attributes:
        alpha, beta: (...) of its beta distribution; with alpha 0 no event can have p <= level.
    """

    alpha: np.ndarray
    beta: np.ndarray

    @classmethod
    def of_ranks(cls, level: float, n: np.ndarray) -> BetaNull:
        """After `n` (...) calibration events: exact for split p-values. Below 1 / (n + 1) alpha is 0."""
        # Levels such as 0.1 are not exact in binary: 0.1 x 30 must be 3.
        rank = np.floor(level * (np.asarray(n) + 1) * (1 + 1e-12))
        return cls(rank, np.asarray(n) + 1 - rank)

    @classmethod
    def of_moments(cls, mean: np.ndarray, variance: np.ndarray) -> BetaNull:
        """With this mean (...), between 0 and 1, and variance (...), at most half of the largest possible."""
        size = np.maximum(mean * (1 - mean) / np.maximum(variance, 1e-300) - 1, 1.0)
        return cls(mean * size, (1 - mean) * size)

    @property
    def mean(self) -> np.ndarray:
        """(...)."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def variance(self) -> np.ndarray:
        """(...)."""
        size = self.alpha + self.beta
        return self.alpha * self.beta / (size**2 * (size + 1))


@dataclass(frozen=True)
class CountTest:
    """Test of the number of unusual events of a window.

    Attributes:
        log_p_value: (...) logarithm of the probability of as many, or more.
        z_signed: (...) standard deviations; negative for a deficit, whose own tail it is, 0 where both tails
            exceed one half.
    """

    log_p_value: np.ndarray
    z_signed: np.ndarray

    @property
    def p_value(self) -> np.ndarray:
        """(...)."""
        return np.exp(self.log_p_value)


def count_test(count: np.ndarray, n: np.ndarray, null: BetaNull) -> CountTest:
    """Test a number of events with p <= level against the beta-binomial distribution.

    Args:
        count: (...) events with p <= level; negative where it is not known, the result is then NaN.
        n: (...) events of the window.
        null: (...) of the probability; where alpha is 0 the test says nothing: p is 1 and z is 0.
    """
    from scipy.special import ndtri_exp

    arrays = np.broadcast_arrays(*(np.asarray(x, float) for x in (count, n, null.alpha, null.beta)))
    k, n, a, b = (array.ravel() for array in arrays)
    upper = np.where((k >= 0) & (n >= 0) & (a >= 0), 0.0, np.nan)
    z = upper.copy()
    rows = np.flatnonzero((upper == 0) & (a > 0) & (b > 0))
    k, n, a, b = (array[rows] for array in (k, n, a, b))
    upper[rows], lower = _log_upper(k, n, a, b), _log_upper(n - k, n, b, a)
    half = np.log(0.5)
    z[rows] = np.where(lower < half, ndtri_exp(lower), 0.0)
    z[rows] = np.where(upper[rows] < half, -ndtri_exp(upper[rows]), z[rows])
    shape = arrays[0].shape
    return CountTest(upper.reshape(shape), z.reshape(shape))


def _log_upper(k: np.ndarray, n: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """ln P(K >= k) of beta-binomial K, to full relative precision where it is small."""
    direct = k * (a + b) > n * a
    result = np.zeros(len(k))
    rest = np.flatnonzero(~direct & (k > 0))
    below = np.exp(_log_tail(n[rest] - k[rest] + 1, n[rest], b[rest], a[rest]))
    # Very skewed distributions have little above their mean, which a difference from 1 does not resolve.
    skewed = below > 0.9
    result[rest[~skewed]] = np.log1p(-below[~skewed])
    direct[rest[skewed]] = True
    result[direct] = _log_tail(k[direct], n[direct], a[direct], b[direct])
    return result


def _log_tail(k: np.ndarray, n: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """ln P(K >= k) from its first term and the ratios of the next ones."""
    from scipy.special import betaln

    first = betaln(k + a, n - k + b) - betaln(a, b) - betaln(k + 1, n - k + 1) - np.log1p(n)
    total, term, at = np.ones(len(k)), np.ones(len(k)), k.copy()
    active = np.flatnonzero(k < n)
    while len(active):
        j = at[active, None] + np.arange(_TERMS)
        m, alpha, beta = n[active, None], a[active, None], b[active, None]
        left = np.maximum(m - j, 0.0)
        ratios = left * (j + alpha) / ((j + 1) * np.maximum(left - 1 + beta, 1e-300))
        terms = term[active, None] * np.cumprod(ratios, axis=1)
        total[active] += terms.sum(axis=1)
        term[active], at[active] = terms[:, -1], at[active] + _TERMS
        active = active[(terms[:, -1] > _SMALLEST * total[active]) & (at[active] < n[active])]
    return np.minimum(first + np.log(total), 0.0)
