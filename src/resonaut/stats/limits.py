"""CLs upper limits on the signal events of a counting window, observed and expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resonaut.stats.asymptotics import expected_root, log_cls
from resonaut.stats.profile import ProfileLikelihood

BAND = (-2, -1, 0, 1, 2)
"""Standard deviations of the background at which limits are expected."""


@dataclass(frozen=True)
class Limits:
    """Upper limits on the number of signal events.

    Attributes:
        observed: (...).
        expected: (..., 5) for background fluctuations of -2, -1, 0, 1, 2 standard deviations.
    """

    observed: np.ndarray
    expected: np.ndarray


def upper_limits(likelihood: ProfileLikelihood, confidence_level: float = 0.95) -> Limits:
    """CLs limits with the asymptotic distribution of q-tilde (arXiv:1007.1727, sections 3.6 and 4.3).

    The variance of the observed limit is that of the Asimov data of the background-only fit to all bins, as
    in pyhf. Limits are expected for the background of the side bands alone: a signal does not enter them.

    Args:
        likelihood: any number of experiments.
        confidence_level: for example 0.95.

    Returns:
        The limits, NaN where a fit or the search of the limit did not converge.
    """
    shape = likelihood.background.shape
    good = np.flatnonzero(likelihood.converged)
    alpha = 1 - confidence_level
    roots = np.array([expected_root(alpha, n_sigma) for n_sigma in BAND])
    background, log_error, excess = (
        values.ravel()[good] for values in (likelihood.background, likelihood.log_error, likelihood.excess)
    )

    def observed(signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return log_cls(likelihood.q_tilde(signal, rows), likelihood.q_asimov(signal, rows)) - np.log(alpha)

    def expected(signal: np.ndarray, rows: np.ndarray, root: np.ndarray) -> np.ndarray:
        return root - np.sqrt(likelihood.q_asimov(signal, rows, blind=True))

    spread = np.sqrt(background + (background * log_error) ** 2) + 1
    low = np.maximum(excess, 0) + 1e-6
    limit = _crossing(observed, low, low + 2 * spread, good)
    band = _crossing(
        expected,
        np.full(len(good) * len(BAND), 1e-6),
        (roots * spread[:, None]).ravel(),
        np.repeat(good, len(BAND)),
        np.tile(roots, len(good)),
    )
    found = Limits(
        np.full(likelihood.converged.size, np.nan), np.full((likelihood.converged.size, len(BAND)), np.nan)
    )
    found.observed[good] = limit
    found.expected[good] = band.reshape(-1, len(BAND))
    return Limits(found.observed.reshape(shape), found.expected.reshape(*shape, len(BAND)))


def _crossing(
    function: Callable[..., np.ndarray], low: np.ndarray, high: np.ndarray, *arguments: np.ndarray
) -> np.ndarray:
    """Where a falling function of the signal crosses zero, for many at once; NaN where none is found."""
    from scipy.optimize.elementwise import find_root

    for _ in range(40):
        short = function(high, *arguments) > 0
        if not short.any():
            break
        high = np.where(short, 2 * high, high)
    result = find_root(function, (low, high), args=arguments, tolerances={"xrtol": 1e-9, "xatol": 1e-9})
    return np.where(result.success, result.x, np.nan)
