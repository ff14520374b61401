"""How often intervals and limits hold the true signal, without searching their ends.

An interval {s: q(s) <= c} holds s if q(s) <= c, and a CLs limit is at or above s if CLs(s) >= alpha: q and
CLs at the true s say the same as the ends, for one fit in place of a search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.plot.intervals import clopper_pearson
from resonaut.stats.asymptotics import log_cls


@dataclass(frozen=True)
class Coverage:
    """A fraction of toys with its central 68.3 % interval (Clopper-Pearson)."""

    covered: int
    n: int
    coverage: float
    low: float
    high: float


def in_interval(q: np.ndarray, confidence_level: float) -> np.ndarray:
    """Whether the two-sided profile interval of the signal holds its true value.

    Args:
        q: (...) -2 ln of the profile likelihood ratio at the true signal (arXiv:1007.1727, eq. 8).
        confidence_level: of the interval; chi-squared of one degree of freedom.
    """
    from scipy.special import chdtri

    return q <= chdtri(1, 1 - confidence_level)


def below_limit(q_tilde: np.ndarray, q_asimov: np.ndarray, confidence_level: float) -> np.ndarray:
    """Whether the asymptotic CLs limit is at or above the true signal.

    Args:
        q_tilde, q_asimov: (...) at the true signal, as `stats.asymptotics.log_cls` takes them.
        confidence_level: of the limit.
    """
    return log_cls(q_tilde, q_asimov) >= np.log(1 - confidence_level)


def counted(covered: np.ndarray) -> Coverage | None:
    """The fraction of toys (n,) that cover; None without toys."""
    n = len(covered)
    if not n:
        return None
    passed = int(covered.sum())
    low, high = clopper_pearson(passed, n)
    return Coverage(passed, n, passed / n, float(low), float(high))
