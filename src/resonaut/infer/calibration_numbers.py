"""Numbers of a calibration: counted p-values with intervals, and how uniform p-values are.

The p-value of a test whose statistic is extreme in k of N pseudo-experiments is (1 + k) / (1 + N), valid for
any N (Phipson and Smyth, arXiv:1603.05766). Where pseudo-experiments were to stop after h extreme ones, and
the h-th was the l-th of all, it is h / l (Besag and Clifford, doi:10.1093/biomet/78.2.301).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.plot.intervals import clopper_pearson

CONFIDENCE = 0.6827
"""Of the intervals."""
LEVELS = (0.05, 0.01)
"""Nominal false-positive rates that are looked at."""


@dataclass(frozen=True)
class Share:
    """k of n, with the interval of Clopper and Pearson (doi:10.1093/biomet/26.4.404)."""

    value: float
    low: float
    high: float


def share(k: int, n: int, confidence: float = CONFIDENCE) -> Share:
    """The binomial probability of which k of n were seen; all of 0 to 1 if n is 0.

    Args:
        k, n: counts.
        confidence: of the interval, whose two tails are equal.
    """
    if not n:
        return Share(np.nan, 0.0, 1.0)
    low, high = clopper_pearson(k, n, confidence)
    return Share(k / n, float(low), float(high))


@dataclass(frozen=True)
class Counted:
    """A p-value counted in pseudo-experiments.

    Attributes:
        p_value: see the module.
        low, high: interval of Clopper and Pearson of the probability that it estimates.
        exceedances: as extreme as the data, or without any fit that converged.
        n: pseudo-experiments that were used.
        stopped: the rule to stop was reached.
    """

    p_value: float
    low: float
    high: float
    exceedances: int
    n: int
    stopped: bool


def counted(smallest: np.ndarray, observed: float, stop: int | None) -> Counted:
    """Count pseudo-experiments whose smallest local p-value is at most that of the data.

    Args:
        smallest: (N,) in the order of their index; NaN where no fit converged, which counts as extreme.
        observed: of the data.
        stop: so many end the sequence; None for no rule.
    """
    extreme = ~(smallest > observed)
    k, n = int(extreme.sum()), len(extreme)
    if stop is not None and k >= stop:
        n = int(np.flatnonzero(extreme)[stop - 1]) + 1
        found = share(stop, n)
        return Counted(stop / n, found.low, found.high, stop, n, True)
    found = share(k, n)
    return Counted((1 + k) / (1 + n), found.low, found.high, k, n, False)


def significance(p_value: float) -> float:
    """One-sided standard deviations of a p-value; infinite for 0 and 1."""
    from scipy.special import ndtri

    return float(-ndtri(p_value))


def global_test(smallest: np.ndarray, observed: float, stop: int | None) -> dict[str, Any]:
    """The global p-value of one statistic as `infer.calibrate` writes it; what does not exist is null."""
    found = counted(smallest, observed, stop)
    ends = (found.p_value, found.high, found.low)
    values = dict(zip(("z", "z_low", "z_high"), map(significance, ends), strict=True))
    return {
        "smallest_p": observed,
        **vars(found),
        **{name: value if np.isfinite(value) else None for name, value in values.items()},
        "trials": found.p_value / observed if observed > 0 else None,
    }


def fractions(p_values: np.ndarray) -> dict[str, dict[str, float]]:
    """How many p-values lie at or below each of `LEVELS`, with intervals."""
    usable = p_values[np.isfinite(p_values)]
    return {
        f"{level:g}": vars(share(int((usable <= level).sum()), len(usable))).copy()
        for level in LEVELS
        if len(usable)
    }


def fractions_of_all(p_values: np.ndarray) -> dict[str, dict[str, float]]:
    """How many p-values of all tests lie at or below each of `LEVELS`.

    Tests of one pseudo-experiment are correlated: the error is that of the mean over pseudo-experiments.

    Args:
        p_values: (N, n_tests), NaN where a fit failed.
    """
    used = p_values[np.isfinite(p_values).any(axis=1)]
    found = {}
    for level in LEVELS if len(used) else ():
        each = np.sum(used <= level, axis=1) / np.isfinite(used).sum(axis=1)
        value = float(each.mean())
        error = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else value
        found[f"{level:g}"] = {
            "value": value,
            "low": max(value - error, 0.0),
            "high": min(value + error, 1.0),
        }
    return found


def uniformity(p_values: np.ndarray) -> dict[str, float | None]:
    """Kolmogorov-Smirnov test of p-values against uniform ones.

    Args:
        p_values: (N,) those of the signed z, which has no point mass at q0 = 0 as that of q0 has.
    """
    from scipy.stats import kstest

    usable = p_values[np.isfinite(p_values)]
    if not len(usable):
        return {"statistic": None, "p_value": None}
    found = kstest(usable, "uniform")
    return {"statistic": float(found.statistic), "p_value": float(found.pvalue)}


def power(injected: np.ndarray, null: np.ndarray) -> dict[str, dict[str, float] | None]:
    """How often injected pseudo-experiments have a global p-value of at most each of `LEVELS`.

    Args:
        injected, null: smallest local p-values; NaN is no discovery where injected, and extreme in the null.

    Returns:
        Shares by level; null where there are too few pseudo-experiments to reach it.
    """
    ordered = np.sort(np.nan_to_num(null, nan=-1.0))
    at_most = np.searchsorted(ordered, np.nan_to_num(injected, nan=2.0), side="right")
    p_values = (1 + at_most) / (1 + len(null))
    return {
        f"{level:g}": vars(share(int((p_values <= level).sum()), len(injected))).copy()
        if (1 + len(null)) * level >= 1 and len(injected)
        else None
        for level in LEVELS
    }
