"""Probabilities made right after the training, with the validation rows: temperature, Platt, isotonic.

Temperature (arXiv:1706.04599 section 4.2) divides log odds (or the logarithms of the classes' probabilities)
by one number. Platt scaling (Platt 1999) takes a ln(q / (1 - q)) + b, for several classes a_c ln q_c + b_c
(vector scaling, section 4.2 of the same paper). Isotonic regression takes the rising step function with the
least squared error (Zadrozny and Elkan 2002, doi:10.1145/775047.775151), for several classes of each, with a
sum of 1 afterwards. Temperature never changes the order of scores; all learn from rows that no network did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

Calibration = Literal["temperature", "platt", "isotonic"]
SMALLEST = 1e-12
"""Probabilities are kept this far from 0 and 1 in logarithms."""
_LOG_TEMPERATURE = (-3.0, 3.0)


class Recalibration(Protocol):
    """A map of probabilities to better ones.

    Attributes:
        numbers: what was fitted, for JSON.
    """

    numbers: dict[str, Any]

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Probabilities (n,) of signal or (n, n_classes), of the same shape."""
        ...


def logits_of(probabilities: np.ndarray) -> np.ndarray:
    """Log odds (n, 1) of a probability (n,); logarithms (n, n_classes) of those of all classes."""
    if probabilities.ndim == 1:
        inside = np.clip(probabilities.astype(np.float64), SMALLEST, 1 - SMALLEST)
        return (np.log(inside) - np.log1p(-inside))[:, None]
    return np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))


def _with_softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits (n, 1), as (n,), or (n, n_classes)."""
    from scipy.special import expit, softmax

    return expit(logits[:, 0]) if logits.shape[1] == 1 else softmax(logits, axis=1)


def _losses(logits: np.ndarray, label: np.ndarray) -> np.ndarray:
    """-ln of the probability of the true class, (n,)."""
    from scipy.special import log_expit, log_softmax

    if logits.shape[1] == 1:
        return -log_expit(np.where(label == 1, 1.0, -1.0) * logits[:, 0])
    return -log_softmax(logits, axis=1)[np.arange(len(label)), label]


def _distances(logits: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Predicted less true probabilities: the gradient of `_losses`, (n, n_outputs)."""
    found = _with_softmax(logits)
    if logits.shape[1] == 1:
        return (found - (label == 1))[:, None]
    found[np.arange(len(label)), label] -= 1
    return found


@dataclass(frozen=True)
class Scaled:
    """Logits times numbers, and plus others.

    Attributes:
        scale, shift: one number, or (n_classes,) each.
    """

    scale: np.ndarray
    shift: np.ndarray
    numbers: dict[str, Any] = field(default_factory=dict)

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        return _with_softmax(logits_of(probabilities) * self.scale + self.shift)


@dataclass(frozen=True)
class Steps:
    """Isotonic regression, straight between the middles of its steps.

    Attributes:
        knots: of each output the predictions and what they become, (n_knots,) each.
    """

    knots: tuple[tuple[np.ndarray, np.ndarray], ...]
    numbers: dict[str, Any] = field(default_factory=dict)

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        if probabilities.ndim == 1:
            return np.interp(probabilities, *self.knots[0])
        found = np.stack(
            [np.interp(column, *knots) for column, knots in zip(probabilities.T, self.knots, strict=True)], 1
        )
        total = found.sum(axis=1, keepdims=True)
        even = np.full_like(found, 1 / found.shape[1])
        return np.divide(found, total, out=even, where=total > 0)


def fit(kind: Calibration, probabilities: np.ndarray, label: np.ndarray, weight: np.ndarray) -> Recalibration:
    """Fit a map to rows that nothing was trained on.

    Args:
        probabilities: (n,) of signal, or (n, n_classes).
        label: (n,) number of the class.
        weight: (n,).
    """
    return {"temperature": temperature, "platt": platt, "isotonic": isotonic}[kind](
        probabilities, label.astype(np.int64), weight.astype(np.float64)
    )


def temperature(probabilities: np.ndarray, label: np.ndarray, weight: np.ndarray) -> Scaled:
    """The temperature of least log loss; above 1 where a network is too sure of itself.

    Its error is that of a misspecified likelihood (White 1982, doi:10.2307/1912526): with the slopes g of the
    rows and the curvature h of the sum, sqrt(sum (w g)^2) / |h|, both with respect to 1 / T.
    """
    from scipy.optimize import minimize_scalar

    logits = logits_of(probabilities)

    def loss(log_temperature: float) -> float:
        return float(weight @ _losses(logits * math.exp(-log_temperature), label)) / weight.sum()

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURE, method="bounded", options={"xatol": 1e-7})
    value = math.exp(found.x)
    scaled = logits / value
    slope = (_distances(scaled, label) * logits).sum(axis=1)
    q = _with_softmax(scaled)
    if q.ndim == 1:
        curvature = q * (1 - q) * logits[:, 0] ** 2
    else:
        curvature = (q * logits**2).sum(axis=1) - (q * logits).sum(axis=1) ** 2
    of_inverse = math.sqrt(float(((weight * slope) ** 2).sum())) / max(float(weight @ curvature), 1e-300)
    numbers = {"temperature": value, "temperature_standard": value**2 * of_inverse}
    return Scaled(np.array(1 / value), np.array(0.0), numbers)


def platt(probabilities: np.ndarray, label: np.ndarray, weight: np.ndarray) -> Scaled:
    """Scales and shifts of least log loss."""
    from scipy.optimize import minimize

    logits = logits_of(probabilities)
    count = logits.shape[1]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = logits * parameters[:count] + parameters[count:]
        slope = _distances(scaled, label) * (weight / weight.sum())[:, None]
        gradient = np.concatenate([(slope * logits).sum(axis=0), slope.sum(axis=0)])
        return float(weight @ _losses(scaled, label)) / weight.sum(), gradient

    start = np.concatenate([np.ones(count), np.zeros(count)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-9}).x
    scale, shift = found[:count], found[count:]
    return Scaled(scale, shift, {"scale": scale.tolist(), "shift": shift.tolist()})


def isotonic(probabilities: np.ndarray, label: np.ndarray, weight: np.ndarray) -> Steps:
    """The rising function with the least squared error, of each class where there are several."""
    if probabilities.ndim == 1:
        columns = [(probabilities, label == 1)]
    else:
        columns = [(probabilities[:, k], label == k) for k in range(probabilities.shape[1])]
    knots = tuple(_steps(column.astype(np.float64), truth, weight) for column, truth in columns)
    return Steps(knots, {"n_steps": [len(x) for x, _ in knots]})


def _steps(
    probability: np.ndarray, happened: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import isotonic_regression

    value, group = np.unique(probability, return_inverse=True)
    total = np.bincount(group, weight)
    fraction = np.bincount(group, weight * happened) / total
    found = isotonic_regression(fraction, weights=total)
    of_block = np.repeat(np.arange(len(found.blocks) - 1), np.diff(found.blocks))
    middle = np.bincount(of_block, total * value) / np.bincount(of_block, total)
    return middle, found.x[found.blocks[:-1]]
