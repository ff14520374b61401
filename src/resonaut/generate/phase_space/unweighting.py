"""What weights are worth: the integral, the spread, and the share of points that are kept at weight one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_N_BLOCKS = 20
_QUANTILE = 0.999


@dataclass(frozen=True)
class Value:
    """A number with its standard error."""

    value: float
    standard_error: float


@dataclass(frozen=True)
class Unweighting:
    """Of n points with weights w = integrand / density.

    Attributes:
        integral: the mean weight.
        relative_spread: standard deviation of the weights over their mean.
        efficiency: mean over largest weight; it falls with the number of points.
        efficiency_of_quantile: mean of min(w, q) over q, the 99.9 % quantile of the weights: larger weights
            are cut (as in arXiv:2001.10028).
        cut: share of the integral that this cut loses.
    """

    integral: Value
    relative_spread: float
    efficiency: Value
    efficiency_of_quantile: Value
    cut: float


def unweighting(weights: np.ndarray) -> Unweighting:
    """Measure weights, (n,); the errors come from 20 blocks of them.

    Of the mean over the largest weight each block has its own, so that the error is that of runs of n / 20
    points, over the root of their number.
    """
    blocks = np.array_split(weights, _N_BLOCKS)
    largest = [float(block.mean() / block.max()) for block in blocks]
    ordinary = [_of_quantile(block) for block in blocks]
    quantile = np.quantile(weights, _QUANTILE)
    mean = weights.mean()
    return Unweighting(
        Value(float(mean), float(weights.std(ddof=1) / np.sqrt(len(weights)))),
        float(weights.std(ddof=1) / mean),
        Value(float(mean / weights.max()), _error(largest)),
        Value(_of_quantile(weights), _error(ordinary)),
        float(1 - np.minimum(weights, quantile).mean() / mean),
    )


def _of_quantile(weights: np.ndarray) -> float:
    quantile = np.quantile(weights, _QUANTILE)
    return float(np.minimum(weights, quantile).mean() / quantile)


def _error(values: list[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))
