"""What significance a search expects of a signal, from Asimov data (arXiv:1007.1727, sections 3.2 and 4.3).

The background is that of the side bands alone, so nothing is said of what the signal region holds: these are
the numbers of a blind search.
"""

from __future__ import annotations

import numpy as np

from resonaut.stats import poisson
from resonaut.stats.envelope import Envelope
from resonaut.stats.likelihood import Likelihood
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.signal_fits import Data, SignalFits

LEVELS = (3, 5)
"""Local significances whose signal is given: evidence and discovery."""
_DOUBLINGS = 40


Tested = ProfileLikelihood | Likelihood | Envelope


def expected_significance(likelihood: Tested, signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Median local significance of a signal, sqrt(q0) of its Asimov data.

    Args:
        likelihood: of n experiments; of an envelope the first family.
        signal: (m,) signal events, not negative; of a counting experiment those in the signal region.
        rows: (m,) which of the experiments.

    Returns:
        (m,), NaN where a fit did not converge.
    """
    if isinstance(likelihood, Envelope):
        likelihood = likelihood.families[0]
    null = _without_signal(likelihood, signal, rows)
    good = null.converged & likelihood.converged[rows]
    return np.sqrt(np.where(good, np.maximum(null.deviance, 0.0), np.nan))


def _without_signal(
    likelihood: ProfileLikelihood | Likelihood, signal: np.ndarray, rows: np.ndarray
) -> poisson.Fits | SignalFits:
    """Fits of the background alone to Asimov data with a signal, of which the true model's deviance is 0."""
    if isinstance(likelihood, ProfileLikelihood):
        parameters = likelihood.side.parameters[rows]
        counts = likelihood.model.expected(parameters)
        counts[:, -1] += signal
        centre = None if likelihood.model.penalty is None else parameters
        return poisson.fit(likelihood.model, counts, start=parameters, centre=centre)
    data = likelihood.asimov(rows, blind=True)
    counts = data.counts + signal[:, None] * likelihood.signal.nominal
    return likelihood.fit(Data(counts, data.auxiliary, data.centre), signal=np.zeros(len(rows)))


def signal_for(likelihood: Tested, z: float, rows: np.ndarray) -> np.ndarray:
    """Signal events whose expected local significance is `z`.

    Args:
        likelihood: of n experiments.
        z: positive.
        rows: (m,) which of the experiments.

    Returns:
        (m,), NaN where a fit or the search did not converge.
    """
    from scipy.optimize.elementwise import find_root

    found, good = np.full(len(rows), np.nan), likelihood.converged[rows]
    rows = rows[good]
    # Of a known background, z standard deviations; with few events it takes more.
    background, log_error = likelihood.background[rows], likelihood.log_error[rows]
    high = z * np.sqrt(background + (background * log_error) ** 2) + z**2
    for _ in range(_DOUBLINGS):
        short = expected_significance(likelihood, high, rows) < z
        if not short.any():
            break
        high = np.where(short, 2 * high, high)
    result = find_root(
        lambda signal, rows: expected_significance(likelihood, signal, rows) - z,
        (np.full(len(rows), 1e-6), high),
        args=(rows,),
        tolerances={"xrtol": 1e-9, "xatol": 1e-9},
    )
    found[good] = np.where(result.success, result.x, np.nan)
    return found
