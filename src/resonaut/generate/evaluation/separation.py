"""How far two histograms are apart: the separation power, its value between equal distributions, its error.

The separation power is the triangular discrimination of normalised histograms,
S = 1/2 sum_i (p_i - q_i)^2 / (p_i + q_i), 0 for equal and 1 for disjoint ones (arXiv:physics/0703039;
used for showers in arXiv:2410.21611). Histograms of finite samples are never equal: see `expected`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

N_TRIALS = 200
"""Resamplings that the error of a separation power is measured with."""


def separation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The separation power of histograms.

    Args:
        first, second: (..., n_bins) contents, not negative; each histogram is normalised here.

    Returns:
        (...,) from 0 to 1; NaN where a histogram is empty.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = (np.asarray(part, float) for part in (first, second))
        p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
        both = p + q
        terms = np.where(both > 0, (p - q) ** 2 / np.where(both > 0, both, 1.0), 0.0)
    return np.where(np.isnan(p).any(-1) | np.isnan(q).any(-1), np.nan, terms.sum(-1) / 2)


def expected(n_bins: int, n_first: int, n_second: int) -> float:
    """What two samples of one distribution give on average: (n_bins - 1) / 4 (1 / n_first + 1 / n_second).

    Each term of the sum is 1/4 of (difference / error)^2 times (1 / n_first + 1 / n_second), and their sum is
    a chi-square of n_bins - 1 degrees of freedom; it holds for bins of more than a few entries.
    """
    return (n_bins - 1) / 4 * (1 / n_first + 1 / n_second)


def equal_edges(values: np.ndarray, n_bins: int, tail: float = 0.005) -> np.ndarray:
    """Equal bins between two quantiles; whole numbers get bins of a whole width, halfway between numbers.

    Args:
        values: (n,) finite values of real rows.
        n_bins: bins; fewer where whole numbers allow no more.
        tail: share of the rows left out at either end.

    Returns:
        (n_bins + 1,) rising edges; two around the value if all are equal.
    """
    low, high = np.quantile(values, [tail, 1 - tail])
    if not high > low:
        reach = max(abs(low), 1.0) * 0.5
        return np.array([low - reach, low + reach])
    if np.array_equal(values, np.round(values)):
        width = max(1.0, np.ceil((high - low + 1) / n_bins))
        number = int(np.ceil((high - low + 1) / width))
        return np.floor(low) - 0.5 + width * np.arange(number + 1)
    return np.linspace(low, high, n_bins + 1)


def counts(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(n_bins + 2,) counts of values: below the first edge, in the bins, and from the last edge on."""
    place = np.searchsorted(edges, values, side="right")
    return np.bincount(place, minlength=len(edges) + 1)


def error(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> float:
    """Standard deviation of the separation power when both samples are drawn anew from their histograms.

    Args:
        first, second: (n_bins,) counts, neither empty.
    """
    drawn = [rng.multinomial(int(part.sum()), part / part.sum(), N_TRIALS) for part in (first, second)]
    return float(separation(*drawn).std(ddof=1))


def compare(
    real: np.ndarray, other: np.ndarray, generated: np.ndarray, edges: np.ndarray, rng: np.random.Generator
) -> dict[str, Any]:
    """Separation power of one observable; rows outside of the edges have a bin at either end.

    Args:
        real, generated: (n,) values that are compared.
        other: (n_other,) values of further real rows.
        edges: (n_bins + 1,) rising.

    Returns:
        value and error: generated against real; floor: real against further real rows; expected: that floor
        on average; n_bins: bins with entries.
    """
    found: Mapping[str, np.ndarray] = {
        name: counts(values, edges)
        for name, values in (("real", real), ("other", other), ("generated", generated))
    }
    filled = int(((found["real"] + found["generated"]) > 0).sum())
    return {
        "value": float(separation(found["generated"], found["real"])),
        "error": error(found["generated"], found["real"], rng),
        "floor": float(separation(found["other"], found["real"])),
        "expected": expected(filled, len(generated), len(real)),
        "n_bins": filled,
    }
