"""Pseudo-experiments: p-values where asymptotic formulas are not to be trusted.

Each toy is drawn from a fitted hypothesis, its auxiliary measurements are drawn too, and it is fitted again
with both hypotheses, the background included (the unconditional ensemble of arXiv:1007.1727, section 2).
Toys whose fits fail are left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.errors import FitError
from resonaut.logs import progress
from resonaut.stats.signal_fits import Data
from resonaut.stats.toy_data import BLOCK, as_extreme, draw, draw_data, penalty_of
from resonaut.stats.toy_limits import ToyLimits, upper_limit_by_toys

__all__ = [
    "ToyLimits",
    "Toys",
    "discovery_by_toys",
    "draw",
    "draw_data",
    "needs_toys",
    "p_value",
    "upper_limit_by_toys",
]

FEW_EVENTS = 10.0
"""Expected background below which toys are wanted: there asymptotic p-values are off by 10 % and more."""


@dataclass(frozen=True)
class Toys:
    """A p-value by toys.

    Attributes:
        p_value: (1 + number of toys at least as extreme) / (1 + number of toys): never 0, and valid as a
            p-value for any number of toys (Davison and Hinkley, doi:10.1017/CBO9780511802843, eq. 4.11).
        error: its binomial standard deviation.
        n_toys: toys that were used.
        n_failed: toys whose fits did not converge.
    """

    p_value: float
    error: float
    n_toys: int
    n_failed: int


def needs_toys(expected_background: np.ndarray, threshold: float = FEW_EVENTS) -> np.ndarray:
    """Whether so few events are expected under a signal that toys should replace asymptotic formulas.

    Args:
        expected_background: (...) events in the window, or under the core of the signal.
        threshold: events.

    Returns:
        (...) boolean; false where the expectation is no number, as nothing can be drawn from it.
    """
    return np.asarray(expected_background) < threshold


def p_value(
    likelihood_maker: Callable[..., Any],
    q0_observed: float,
    expected: np.ndarray,
    n_toys: int,
    rng: np.random.Generator,
    auxiliary: np.ndarray | None = None,
) -> Toys:
    """p0 by toys: how often background alone gives at least the observed q0.

    Args:
        likelihood_maker: of counts (n, n_bins), and of auxiliary measurements (n, n_nuisances) if `auxiliary`
            is given; returns a likelihood with `discovery()`.
        q0_observed: of the data.
        expected: (n_bins,) background of the background-only fit to the data.
        n_toys: how many.
        rng: where random numbers come from.
        auxiliary: (n_nuisances,) nuisance parameters of the same fit.

    Raises:
        FitError: no toy's fits converged.
    """
    hypothesis = Data(np.asarray(expected)[None], np.zeros((1, 0 if auxiliary is None else len(auxiliary))))
    if auxiliary is not None:
        hypothesis = Data(hypothesis.counts, np.asarray(auxiliary)[None])

    def statistic(data: Data) -> np.ndarray:
        given = (data.counts,) if auxiliary is None else (data.counts, data.auxiliary)
        return likelihood_maker(*given).discovery().q0

    q0 = _in_blocks(lambda n: statistic(draw_data(hypothesis, n, rng)), n_toys)
    return _count(q0, q0_observed)


def discovery_by_toys(likelihood: Any, n_toys: int, rng: np.random.Generator, row: int = 0) -> Toys:
    """p0 of one experiment of a likelihood (of `profile`, `likelihood` or `envelope`), as `p_value`.

    Args:
        likelihood: any number of experiments.
        row: which, counted along the flattened leading axes.

    Raises:
        FitError: the fits to the data, or those to all toys, did not converge.
    """
    observed = float(likelihood.discovery().q0.ravel()[row])
    if not np.isfinite(observed):
        raise FitError(
            "p-value by toys: the fits to the data did not converge, so no toys can be drawn. Use fewer "
            "parameters, a looser selection or wider side bands."
        )
    hypothesis = likelihood.hypothesis(np.zeros(1), np.array([row]))

    def statistic(n: int) -> np.ndarray:
        data = draw_data(hypothesis, n, rng, penalty_of(likelihood))
        return likelihood.resampled(data).discovery().q0

    return _count(_in_blocks(statistic, n_toys), observed)


def _in_blocks(statistic: Callable[[int], np.ndarray], n_toys: int) -> np.ndarray:
    sizes = [min(BLOCK, n_toys - first) for first in range(0, n_toys, BLOCK)]
    return np.concatenate([statistic(size) for size in progress(sizes, f"blocks of {BLOCK} toys")])


def _count(values: np.ndarray, observed: float) -> Toys:
    good = values[np.isfinite(values)]
    n = len(good)
    if not n:
        raise FitError(
            f"p-value by toys: the fits of all {len(values)} toys failed, some must converge. Use fewer "
            "parameters, a looser selection or wider side bands."
        )
    p = (1 + int(as_extreme(good, observed).sum())) / (1 + n)
    return Toys(p, float(np.sqrt(p * (1 - p) / n)), n, len(values) - n)
