"""Numbers of one window and efficiency: test, limits, the fitted signal and its uncertainties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.errors import FitError
from resonaut.infer.settings import InferSettings
from resonaut.infer.window_likelihood import Model
from resonaut.logs import log
from resonaut.stats import toys
from resonaut.stats.asymptotics import significance
from resonaut.stats.intervals import profile_interval
from resonaut.stats.limits import Limits, upper_limits
from resonaut.stats.profile import Discovery

CONFIDENCE = 0.6827
"""Of the interval of the fitted signal."""
FEWEST_TOYS = 10
"""Toys beyond the data from which a p-value is counted; fewer say only that it is small."""
LARGEST_ERROR = 0.3
"""Relative error of an observed limit by toys up to which it is taken."""


@dataclass(frozen=True)
class Nuisances:
    """Of the M uncertainties, as `stats.likelihood` says.

    Attributes:
        names: (M).
        pulls, errors, up, down: (M,).
        correlation: (1 + M, 1 + M), the fitted signal first.
    """

    names: tuple[str, ...]
    pulls: np.ndarray
    errors: np.ndarray
    up: np.ndarray
    down: np.ndarray
    correlation: np.ndarray


@dataclass(frozen=True)
class ByToys:
    """What toys say of one experiment.

    Attributes:
        p_value: and its error; None where there is no excess to test.
        limits: (6,) observed and expected; NaN where toys do not tell.
        observed_error: of the observed limit.
        n_toys: per hypothesis; n_failed: toys whose fits failed.
        resolved: whether at least `FEWEST_TOYS` toys are as extreme as the data.
    """

    p_value: float | None
    p_value_error: float | None
    resolved: bool
    limits: np.ndarray
    observed_error: float
    n_toys: int
    n_failed: int


@dataclass(frozen=True)
class Results:
    """Of n experiments; asymptotic.

    Attributes:
        discovery, limits: of `stats.profile` and `stats.limits`.
        background, log_error: (n,) in the signal region, from the side bands, and the error of its logarithm.
        low, high: (n,) ends of the interval of the signal; NaN where it was not asked for.
    """

    discovery: Discovery
    limits: Limits
    background: np.ndarray
    log_error: np.ndarray
    low: np.ndarray
    high: np.ndarray


def results(model: Model, confidence_level: float, *, interval: bool = True) -> Results:
    """Test, limits and, if asked for, the interval of the signal, of all experiments of a model."""
    likelihood = model.likelihood
    counting = model.test.counting()
    low = high = np.full(likelihood.converged.shape, np.nan)
    if interval:
        low, high = profile_interval(likelihood, CONFIDENCE)
    return Results(
        likelihood.discovery(),
        upper_limits(likelihood, confidence_level),
        counting.background,
        counting.log_error,
        low,
        high,
    )


def nuisances(model: Model) -> Nuisances | None:
    """Of the first experiment; None where there are no uncertainties."""
    names = getattr(model.likelihood, "names", ())
    if not names:
        return None
    pulls, impacts = model.likelihood.pulls(), model.likelihood.impacts()
    return Nuisances(
        tuple(names),
        pulls.values[0],
        pulls.errors[0],
        impacts.up[0],
        impacts.down[0],
        model.likelihood.correlation()[0],
    )


def by_toys(
    model: Model, found: Results, given: InferSettings, rng: np.random.Generator, where: str
) -> ByToys | None:
    """Toys of the first experiment; None where enough events are expected, or where all toys fail.

    Args:
        model: of one experiment.
        found: its asymptotic numbers.
        given: settings.
        rng: where random numbers come from.
        where: window and efficiency, for the log.
    """
    n = given.toys.n
    if not toys.needs_toys(found.background, given.toys.below)[0]:
        return None
    try:
        test = None
        if found.discovery.q0[0] > 0:
            test = toys.discovery_by_toys(model.likelihood, n, rng)
        limits = toys.upper_limit_by_toys(model.likelihood, n, rng, given.confidence_level)
    except FitError as error:
        log.warning("%s: %s Asymptotic formulas are used.", where, error)
        return None
    observed = limits.observed if limits.error <= LARGEST_ERROR * limits.observed else np.nan
    p_value = None if test is None else test.p_value
    beyond = 0 if test is None else round(test.p_value * (1 + test.n_toys)) - 1
    return ByToys(
        p_value=p_value,
        p_value_error=None if test is None else test.error,
        resolved=beyond >= FEWEST_TOYS,
        limits=np.append(observed, limits.expected),
        observed_error=limits.error,
        n_toys=n,
        n_failed=limits.n_failed + (0 if test is None else test.n_failed),
    )


def z_of(p_value: float) -> float:
    """Significance of a p-value, not negative."""
    return max(float(significance(np.asarray(p_value))), 0.0)
