"""CLs upper limits on the signal events of a counting window, observed and expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.stats.asymptotics import expected_root, log_cls
from resonaut.stats.intervals import SignalLikelihood, crossing

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


def upper_limits(likelihood: SignalLikelihood, confidence_level: float = 0.95) -> Limits:
    """CLs limits with the asymptotic distribution of q-tilde (arXiv:1007.1727, sections 3.6 and 4.3).

    The variance of the observed limit is that of the Asimov data of the background-only fit to all bins, as
    in pyhf. Limits are expected for the background of the side bands alone: a signal does not enter them.
    Nothing bounds the signal from above.

    Args:
        likelihood: any number of experiments (`profile`, `likelihood`, `envelope`).
        confidence_level: for example 0.95.

    Returns:
        The limits, NaN where a fit or the search of the limit did not converge.
    """
    shape = likelihood.converged.shape
    good = np.flatnonzero(likelihood.converged)
    alpha = 1 - confidence_level
    roots = np.array([expected_root(alpha, n_sigma) for n_sigma in BAND])
    excess, error = likelihood.excess.ravel()[good], likelihood.signal_error.ravel()[good]

    def observed(signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return log_cls(likelihood.q_tilde(signal, rows), likelihood.q_asimov(signal, rows)) - np.log(alpha)

    def expected(signal: np.ndarray, rows: np.ndarray, root: np.ndarray) -> np.ndarray:
        return root - np.sqrt(likelihood.q_asimov(signal, rows, blind=True))

    spread = error + 1
    low = np.maximum(excess, 0) + 1e-6
    limit = crossing(observed, low, low + 2 * spread, good)
    band = crossing(
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
