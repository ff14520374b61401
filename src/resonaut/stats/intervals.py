"""Confidence intervals of the signal, and how a crossing is searched for many experiments at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

_DOUBLINGS = 40
_IMPOSSIBLE = 1e6


class SignalLikelihood(Protocol):
    """What limits, intervals and toys need of a likelihood (`profile`, `likelihood`, `envelope`).

    Attributes:
        converged: (...) boolean.
        excess: (...) fitted signal events.
        signal_error: (...) their standard deviation.
    """

    converged: np.ndarray
    excess: np.ndarray
    signal_error: np.ndarray

    def deviance(self, signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(n) -2 ln L at `signal` (n) for experiments `rows` (n)."""

    def q_tilde(self, signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(n) q-tilde of `signal` (n) for experiments `rows` (n)."""

    def q_asimov(self, signal: np.ndarray, rows: np.ndarray, blind: bool = False) -> np.ndarray:
        """(n) the same for background-only Asimov data."""


def profile_interval(
    likelihood: SignalLikelihood, confidence_level: float = 0.6827
) -> tuple[np.ndarray, np.ndarray]:
    """Where -2 ln L rises by the chi-squared quantile (Wilks, doi:10.1214/aoms/1177732360), on both sides.

    It may include negative signals. Where the expectation of a bin would fall to zero before, the interval
    ends there.

    Args:
        likelihood: any number of experiments.
        confidence_level: for example 0.6827.

    Returns:
        Low and high ends, each (...), signal events; NaN where a fit did not converge.
    """
    from scipy.special import gammaincinv

    rise = 2 * gammaincinv(0.5, confidence_level)
    good = np.flatnonzero(likelihood.converged)
    best = likelihood.excess.ravel()[good]
    step = np.sqrt(rise) * (likelihood.signal_error.ravel()[good] + 0.1)
    least = likelihood.deviance(best, good)

    def inside(distance: np.ndarray, sign: np.ndarray, rows: np.ndarray) -> np.ndarray:
        change = likelihood.deviance(best[rows] + sign * distance, good[rows]) - least[rows]
        return np.where(np.isfinite(change), rise - change, -_IMPOSSIBLE)

    ends = []
    for sign in (-1.0, 1.0):
        rows = np.arange(len(good))
        signs = np.full(len(good), sign)
        distance = crossing(inside, 1e-9 * step, 1.2 * step, signs, rows)
        end = np.full(likelihood.converged.size, np.nan)
        end[good] = best + sign * distance
        ends.append(end.reshape(likelihood.converged.shape))
    return ends[0], ends[1]


def crossing(
    function: Callable[..., np.ndarray], low: np.ndarray, high: np.ndarray, *arguments: np.ndarray
) -> np.ndarray:
    """Where a falling function crosses zero, for many at once; NaN where none is found.

    Args:
        function: of (n) places and the arguments.
        low: (n) places where it is positive.
        high: (n) first guesses of places where it is negative; doubled until they are.
        arguments: (n) each, for the function.
    """
    from scipy.optimize.elementwise import find_root

    for _ in range(_DOUBLINGS):
        short = function(high, *arguments) > 0
        if not short.any():
            break
        high = np.where(short, 2 * high, high)
    result = find_root(function, (low, high), args=arguments, tolerances={"xrtol": 1e-9, "xatol": 1e-9})
    return np.where(result.success, result.x, np.nan)
