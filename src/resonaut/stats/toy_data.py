"""How pseudo-experiments are drawn from a hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np

from resonaut.stats.loglinear import LogLinear
from resonaut.stats.signal_fits import Data

BLOCK = 2000
"""Toys that are fitted together: bounds the memory."""
_TIE = 1e-7


def draw(
    model: LogLinear,
    parameters: np.ndarray,
    n: int,
    rng: np.random.Generator,
    signal: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Draw counts (n, n_bins) from a background with `parameters` (n_parameters,) plus `signal` events.

    Args:
        signal: (n_bins,) expected signal events.
    """
    return rng.poisson(np.maximum(model.expected(parameters) + signal, 0), (n, model.n_bins))


def draw_data(hypothesis: Data, n: int, rng: np.random.Generator, penalty: np.ndarray | None = None) -> Data:
    """Draw counts, auxiliary measurements and centres of the penalty.

    Args:
        hypothesis: one experiment's expectations, as `likelihood.hypothesis` gives them.
        n: number of toys.
        penalty: (n_parameters, n_parameters) of the model: the precision of the centres.
    """
    counts = rng.poisson(np.maximum(hypothesis.counts[0], 0), (n, hypothesis.counts.shape[1]))
    means = hypothesis.auxiliary[0]
    auxiliary = means + rng.standard_normal((n, len(means)))
    if hypothesis.centre is None or penalty is None:
        return Data(counts.astype(float), auxiliary)
    precision, vectors = np.linalg.eigh(penalty)
    informed = precision > 1e-10 * precision.max()
    noise = rng.standard_normal((n, int(informed.sum()))) / np.sqrt(precision[informed])
    return Data(counts.astype(float), auxiliary, hypothesis.centre[0] + noise @ vectors[:, informed].T)


def penalty_of(likelihood: Any) -> np.ndarray | None:
    """The precision of a likelihood's background parameters, if it is of one model that has one."""
    model = getattr(likelihood, "model", None)
    return None if model is None else model.penalty


def as_extreme(values: np.ndarray, observed: float) -> np.ndarray:
    """Which values of a test statistic are at least the observed one.

    Counts are whole numbers, so toys may equal the observation; rounding must not part them.
    """
    return values >= observed - _TIE * (1 + observed)
