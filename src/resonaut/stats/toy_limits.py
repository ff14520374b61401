"""CLs upper limits by pseudo-experiments, where asymptotic formulas are not to be trusted.

At each signal of a scan, toys with this signal and toys without are drawn as `stats.toys` says and fitted
again; the limit is where CLs crosses 1 - confidence level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.errors import FitError
from resonaut.stats.limits import BAND, upper_limits
from resonaut.stats.toy_data import BLOCK, as_extreme, draw_data, penalty_of

N_SIGNALS = 9
_MARGIN = 1.35
_EXTENSIONS = 12


@dataclass(frozen=True)
class ToyLimits:
    """CLs upper limits by toys.

    Attributes:
        observed: signal events; error: its standard deviation from the number of toys.
        expected: (5,) for background fluctuations of -2, -1, 0, 1, 2 standard deviations; NaN where that
            quantile lies outside of what was scanned.
        n_toys: toys of each hypothesis at each signal; n_failed: of all, those whose fits did not converge.
    """

    observed: float
    error: float
    expected: np.ndarray
    n_toys: int
    n_failed: int


@dataclass(frozen=True)
class _Point:
    """CLs at one signal: of the data with its error, and expected (5,)."""

    signal: float
    observed: float
    error: float
    expected: np.ndarray
    n_failed: int


def upper_limit_by_toys(
    likelihood: Any,
    n_toys: int,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
    row: int = 0,
) -> ToyLimits:
    """CLs limit of one experiment with the distribution of q-tilde from toys (arXiv:1007.1727, eq. 16).

    Args:
        likelihood: any number of experiments (of `profile`, `likelihood` or `envelope`).
        n_toys: of each hypothesis and signal; about 10 / (1 - confidence level) at least.
        rng: where random numbers come from.
        confidence_level: for example 0.95.
        row: which experiment, counted along the flattened leading axes.

    Raises:
        FitError: the fits to the data, or those to all toys, did not converge, or no crossing was found.
    """
    from scipy.special import ndtri

    one = likelihood.take(np.array([row]))
    start = upper_limits(one, confidence_level)
    guesses = np.append(start.expected[0], start.observed[0])
    guesses = guesses[np.isfinite(guesses)]
    if not len(guesses):
        raise FitError(
            "upper limit by toys: the fits to the data did not converge, so no toys can be drawn. Use fewer "
            "parameters, a looser selection or wider side bands."
        )
    scan = _Scan(one, n_toys, rng)
    low, high = guesses.min() / _MARGIN, guesses.max() * _MARGIN
    points = [scan.at(signal) for signal in np.geomspace(low, high, N_SIGNALS)]
    alpha = 1 - confidence_level
    for _ in range(_EXTENSIONS):
        if points[-1].observed < alpha:
            break
        points.append(scan.at(points[-1].signal * _MARGIN))
    for _ in range(_EXTENSIONS):
        if points[0].observed > alpha:
            break
        points.insert(0, scan.at(points[0].signal / _MARGIN))
    signal = np.array([point.signal for point in points])
    observed = np.array([point.observed for point in points])
    limit, slope = _crossing(signal, observed, alpha)
    if not np.isfinite(limit):
        raise FitError(
            f"upper limit by toys: CLs goes from {observed[0]:.3g} to {observed[-1]:.3g} between "
            f"{signal[0]:.3g} and {signal[-1]:.3g} signal events and does not cross {alpha:g}. Use more toys."
        )
    nearest = int(np.abs(observed - alpha).argmin())
    # In units where CLs is nearly a straight line of the signal, as is the slope.
    density = np.exp(-0.5 * ndtri(alpha) ** 2) / np.sqrt(2 * np.pi)
    return ToyLimits(
        observed=limit,
        error=float(points[nearest].error / density / abs(slope)),
        expected=np.array(
            [
                _crossing(signal, np.array([point.expected[k] for point in points]), alpha)[0]
                for k in range(len(BAND))
            ]
        ),
        n_toys=n_toys,
        n_failed=scan.n_failed_background + sum(point.n_failed for point in points),
    )


class _Scan:
    """CLs of one experiment as a function of the signal; toys without signal are drawn once."""

    def __init__(self, one: Any, n_toys: int, rng: np.random.Generator) -> None:
        self.one, self.n_toys, self.rng = one, n_toys, rng
        self.background = self._draw(0.0)
        self.n_failed_background = sum(int((~toys.converged).sum()) for toys in self.background)

    def _draw(self, signal: float) -> list[Any]:
        hypothesis = self.one.hypothesis(np.array([signal]), np.array([0]))
        penalty = penalty_of(self.one)
        sizes = [min(BLOCK, self.n_toys - first) for first in range(0, self.n_toys, BLOCK)]
        return [self.one.resampled(draw_data(hypothesis, n, self.rng, penalty)) for n in sizes]

    def at(self, signal: float) -> _Point:
        """CLs of the data, and expected without signal."""
        from scipy.special import ndtr

        with_signal, without = (
            _finite(
                [
                    toys.q_tilde(np.full(len(toys.counts), signal), np.arange(len(toys.counts)))
                    for toys in drawn
                ]
            )
            for drawn in (self._draw(signal), self.background)
        )
        if not (len(with_signal) and len(without)):
            raise FitError(
                f"upper limit by toys: no fit of any toy converged at {signal:g} signal events. Use fewer "
                "parameters, a looser selection or wider side bands."
            )
        observed = float(self.one.q_tilde(np.array([signal]), np.array([0]))[0])
        quantiles = np.quantile(without, 1 - ndtr(np.array(BAND, float)), method="inverted_cdf")
        cls = [_cls(with_signal, without, q) for q in (observed, *quantiles)]
        n = len(with_signal)
        p = np.clip(_beyond(with_signal, observed), 0.5 / n, 1 - 0.5 / n)
        return _Point(
            signal=signal,
            observed=cls[0],
            error=float(np.sqrt(p * (1 - p) / n) / _beyond(without, observed)),
            expected=np.array(cls[1:]),
            n_failed=self.n_toys - n,
        )


def _finite(values: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate(values)
    return joined[np.isfinite(joined)]


def _beyond(values: np.ndarray, observed: float) -> float:
    """Fraction of toys at least as far as the observation, at least half a toy."""
    return max(float(as_extreme(values, observed).mean()), 0.5 / len(values))


def _cls(with_signal: np.ndarray, without: np.ndarray, q: float) -> float:
    return min(_beyond(with_signal, q) / _beyond(without, q), 1.0)


def _crossing(signal: np.ndarray, cls: np.ndarray, alpha: float) -> tuple[float, float]:
    """Where CLs last falls through `alpha`, and the slope of its normal quantile there; NaN if nowhere."""
    from scipy.special import ndtri

    above = np.flatnonzero((cls[:-1] > alpha) & (cls[1:] <= alpha))
    if not len(above):
        return np.nan, np.nan
    first = above[-1]
    # Half a toy keeps quantiles finite.
    low, high = ndtri(np.clip(cls[[first, first + 1]], 1e-6, 1 - 1e-6))
    slope = (high - low) / (signal[first + 1] - signal[first])
    return float(signal[first] + (ndtri(alpha) - low) / slope), float(slope)
