"""Tail probabilities counted in toys, with their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tail:
    """A probability counted in toys.

    Attributes:
        p_value: (k + 1) / (n + 1) where k of n toys are at least as extreme: never 0, and valid as a p-value
            for any n (Phipson and Smyth, arXiv:1603.05766).
        error: binomial standard deviation of `p_value`.
        n_toys: n.
    """

    p_value: float
    error: float
    n_toys: int


def counted(toys: np.ndarray, observed: float) -> Tail:
    """How often toys reach what was observed.

    Args:
        toys: (n_toys,) values of the test statistic; NaN (a fit that failed) does not count as a toy.
        observed: value of the data.

    Returns:
        The probability; NaN where `observed` is, and without toys.
    """
    usable = toys[~np.isnan(toys)]
    n = len(usable)
    if n == 0 or np.isnan(observed):
        return Tail(np.nan, np.nan, n)
    p = (np.count_nonzero(usable >= observed) + 1) / (n + 1)
    return Tail(p, float(np.sqrt(p * (1 - p) / (n + 1))), n)
