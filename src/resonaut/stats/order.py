"""How many parameters a background function needs: Fisher's F-test of nested fits.

Of two nested fits to n bins, with p1 < p2 parameters and deviances D1 and D2,

    F = ((D1 - D2) / (p2 - p1)) / (D2 / (n - p2))

follows the F distribution with p2 - p1 and n - p2 degrees of freedom if the smaller one describes the data
(used by CMS for the order of background functions, for example arXiv:1705.10532). It allows for a deviance
that is larger than its expectation for another reason. Where bins hold few events the deviance is smaller
than its degrees of freedom, which is no precision: D2 / (n - p2) counts as 1 at least, the noise of Poisson
numbers (without this 20 to 30 % of falling spectra with an event per bin took a term too many at alpha = 5 %;
with it 4 to 7 %). The likelihood ratio D1 - D2 follows the chi-squared distribution with p2 - p1 degrees of
freedom (Wilks, doi:10.1214/aoms/1177732360). As many parameters as there are bins with events describe
anything: such an order is not chosen.

Rule: the smallest order from which neither the next order nor the one after it is better at the level alpha.
The step over one order counts because the signs of successive terms alternate: one of them alone can be
useless where two are not. With `look_ahead=1` it is the plain sequential test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from resonaut.stats import poisson
from resonaut.stats.loglinear import LogLinear

Statistic = Literal["f", "likelihood_ratio"]


@dataclass(frozen=True)
class Order:
    """Result of the test over M models, for any leading axes of counts.

    Attributes:
        index: (...) which model is chosen; -1 where no fit converged.
        chosen: (...) its number of parameters; 0 where no fit converged.
        n_parameters: (M) of the models.
        deviance: (..., M); NaN where a fit did not converge.
        f: (..., M, M) the statistic for model j (last axis) against model i, j > i; NaN elsewhere.
        p: (..., M, M) its p-value; NaN where there is none.
    """

    index: np.ndarray
    chosen: np.ndarray
    n_parameters: np.ndarray
    deviance: np.ndarray
    f: np.ndarray
    p: np.ndarray


def f_test(
    models: Sequence[LogLinear],
    counts: np.ndarray,
    alpha: float = 0.05,
    look_ahead: int = 2,
    statistic: Statistic = "f",
) -> Order:
    """Fit nested models and choose among them.

    Args:
        models: of the same bins, by their number of parameters; each contains the one before.
        counts: (..., n_bins).
        alpha: level; a larger model must be better at this level to be chosen.
        look_ahead: how many orders above the present one are tried.
        statistic: "f", or "likelihood_ratio".
    """
    found = np.stack([poisson.fit(model, counts).deviance for model in models], axis=-1)
    sizes = np.array([free_parameters(model) for model in models])
    filled = (np.asarray(counts) > 0).sum(axis=-1)
    return choose(found, sizes, models[0].n_bins, alpha, look_ahead, statistic, filled)


def free_parameters(model: LogLinear) -> int:
    """Parameters that no penalty holds."""
    held = 0 if model.penalty is None else int(np.linalg.matrix_rank(model.penalty))
    return model.n_parameters - held


def choose(
    deviance: np.ndarray,
    n_parameters: np.ndarray,
    n_bins: int,
    alpha: float = 0.05,
    look_ahead: int = 2,
    statistic: Statistic = "f",
    filled: np.ndarray | None = None,
) -> Order:
    """Choose among fits that were made.

    Args:
        deviance: (..., M) NaN where a fit did not converge.
        n_parameters: (M) rising.
        n_bins: of the fits.
        alpha, look_ahead, statistic: as for `f_test`.
        filled: (...) bins with events; all if absent.
    """
    from scipy.special import chdtrc, fdtrc

    n_parameters = np.asarray(n_parameters)
    n_models = len(n_parameters)
    more = np.maximum(n_parameters[None, :] - n_parameters[:, None], 0).astype(float)
    freedom = np.maximum(n_bins - n_parameters, 0).astype(float)
    # A larger model cannot be worse; what says so is rounding.
    gain = np.maximum(deviance[..., :, None] - deviance[..., None, :], 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if statistic == "f":
            value = (gain / more) / np.maximum(deviance / freedom, 1)[..., None, :]
            p = fdtrc(more, freedom, value)
        else:
            value = gain
            p = chdtrc(more, value)
    n_filled = np.minimum(n_bins if filled is None else filled, n_bins)
    usable = (more > 0) & (n_parameters < np.asarray(n_filled)[..., None])[..., None, :]
    value, p = np.where(usable, value, np.nan), np.where(usable, p, np.nan)
    converged = np.isfinite(deviance)
    index = np.where(converged.any(axis=-1), converged.argmax(axis=-1), -1)
    for start in range(n_models):
        waiting = index == start
        for ahead in range(start + 1, min(start + look_ahead, n_models - 1) + 1):
            taken = waiting & (p[..., start, ahead] < alpha)
            index = np.where(taken, ahead, index)
            waiting &= ~taken
    chosen = np.where(index >= 0, n_parameters[index], 0)
    return Order(index, chosen, n_parameters, deviance, value, p)
