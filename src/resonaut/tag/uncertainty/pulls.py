"""Pulls of a regression: the distance of truth and answer in units of the width that was promised."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from resonaut.plot.intervals import ONE_SIGMA
from resonaut.tag.uncertainty.measured import with_error
from resonaut.tag.uncertainty.predictive import GaussianPredictive

TWO_SIGMA = 0.954499736103642
EDGES = tuple(np.linspace(-5, 5, 41).round(2).tolist())


def pulls(answer: GaussianPredictive, target: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """(truth - mean) / width, (n,); `factor` widens all widths."""
    return (target - answer.mean) / (factor * answer.width)


def fitted_factor(answer: GaussianPredictive, target: np.ndarray, weight: np.ndarray) -> float:
    """The factor for all widths of greatest likelihood: the root mean square of the pulls."""
    return math.sqrt(float(np.average(pulls(answer, target) ** 2, weights=weight)))


def moments(values: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Mean and width of pulls, with the errors that their own moments give.

    With n = (sum w)^2 / sum w^2 rows, width s and fourth central moment m, the error of the mean is
    s / sqrt(n) and that of the width sqrt((m - s^4) / n) / (2 s): no Gaussian is assumed.
    """
    n_rows = float(weight.sum()) ** 2 / float((weight**2).sum())
    mean = float(np.average(values, weights=weight))
    width = math.sqrt(float(np.average((values - mean) ** 2, weights=weight)))
    fourth = float(np.average((values - mean) ** 4, weights=weight))
    return {
        "mean": mean,
        "mean_standard": width / math.sqrt(n_rows),
        "width": width,
        "width_standard": math.sqrt(max(0.0, fourth - width**4) / n_rows) / (2 * width),
    }


def measure(
    answer: GaussianPredictive, target: np.ndarray, weight: np.ndarray, factor: float
) -> dict[str, Any]:
    """Numbers of the pulls, with widths times `factor`.

    Returns:
        `moments`; inside_1, inside_2: shares within one and two widths (0.683 and 0.954 if all is Gaussian),
        with _standard; nll, of the Gaussian density, with _standard; core: half of the width that holds the
        central 68.3 % of the pulls; histogram (edges, density, standard).
    """
    found = pulls(answer, target, factor)
    density = 0.5 * found**2 + np.log(factor * answer.width) + 0.5 * math.log(2 * math.pi)
    low, high = np.quantile(
        found, [(1 - ONE_SIGMA) / 2, (1 + ONE_SIGMA) / 2], weights=weight, method="inverted_cdf"
    )
    counts, _ = np.histogram(found, EDGES, weights=weight)
    squares, _ = np.histogram(found, EDGES, weights=weight**2)
    unit = weight.sum() * (EDGES[1] - EDGES[0])
    return {
        **moments(found, weight),
        **with_error("inside_1", (np.abs(found) < 1).astype(float), weight),
        **with_error("inside_2", (np.abs(found) < 2).astype(float), weight),
        **with_error("nll", density, weight),
        "core": float(high - low) / 2,
        "histogram": {
            "edges": list(EDGES),
            "density": (counts / unit).tolist(),
            "standard": (np.sqrt(squares) / unit).tolist(),
        },
    }


def summary(
    validation: GaussianPredictive,
    test: GaussianPredictive,
    targets: tuple[np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
) -> dict[str, Any]:
    """All numbers of one method, of the quantity that is learnt.

    Args:
        validation, test: its answers.
        targets, weights: of the same two parts.

    Returns:
        rmse, aleatoric and epistemic (root mean squares of the widths), with the error of the first;
        widths_factor, fitted to the validation rows; pulls: `none` and `scaled` (`measure`).
    """
    factor = fitted_factor(validation, targets[0], weights[0])
    square = with_error("square", (targets[1] - test.mean) ** 2, weights[1])
    rmse = math.sqrt(square["square"])
    return {
        "rmse": rmse,
        "rmse_standard": square["square_standard"] / (2 * rmse),
        "aleatoric": math.sqrt(float(np.average(test.aleatoric, weights=weights[1]))),
        "epistemic": math.sqrt(float(np.average(test.epistemic, weights=weights[1]))),
        "widths_factor": factor,
        "pulls": {
            "none": measure(test, targets[1], weights[1], 1.0),
            "scaled": measure(test, targets[1], weights[1], factor),
        },
    }
