"""Whether a score of 0.8 means that 80 % are signal: reliability curve, Brier score, log loss.

Taggers are trained with weights that give all classes the same sum, so their scores are probabilities for a
sample of equal classes. Everything here weights the jets likewise (`binning.equal_class_weights`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from resonaut.plot.intervals import clopper_pearson
from resonaut.tag.evaluation.binning import equal_class_weights

N_BINS = 20
SMALLEST = float(np.finfo(np.float32).eps)
"""Probabilities are kept this far from 0 and 1 in logarithms: a float32 sigmoid may return 1."""


def reliability(
    probability: np.ndarray, correct: np.ndarray, weight: np.ndarray, n_bins: int = N_BINS
) -> dict[str, Any]:
    """How often what was predicted with a probability happened, in bins of equally many jets.

    Equal probabilities share a bin. The interval of a bin is that of Clopper and Pearson for the number of
    jets that would have the variance of the weighted fraction p, sum(w^2 (c - p)^2) / (sum w)^2: for equal
    weights the jets themselves.

    Args:
        probability: (n,) predicted.
        correct: (n,) bool: it happened.
        weight: (n,).

    Returns:
        Lists by bin: n, probability (mean), fraction, lower, upper; and expected_calibration_error, the mean
        distance of fraction and probability over the jets (arXiv:1706.04599 eq. 3).
    """
    from scipy.stats import rankdata

    middle = (rankdata(probability) - 0.5) / len(probability)
    _, of_bin, n = np.unique((middle * n_bins).astype(int), return_inverse=True, return_counts=True)
    total = np.bincount(of_bin, weight)
    mean = np.bincount(of_bin, weight * probability) / total
    fraction = np.clip(np.bincount(of_bin, weight * correct) / total, 0, 1)
    spread = np.bincount(of_bin, weight**2 * (correct - fraction[of_bin]) ** 2) / total**2
    # Where all or none are correct the variance says nothing: the effective number of the weights does.
    effective = np.where(
        spread > 0,
        fraction * (1 - fraction) / np.where(spread > 0, spread, 1),
        total**2 / np.bincount(of_bin, weight**2),
    )
    lower, upper = clopper_pearson(fraction * effective, effective)
    return {
        "n": n.tolist(),
        "probability": mean.tolist(),
        "fraction": fraction.tolist(),
        "lower": np.minimum(lower, fraction).tolist(),
        "upper": np.maximum(upper, fraction).tolist(),
        "expected_calibration_error": float((total * np.abs(fraction - mean)).sum() / total.sum()),
    }


def log_loss(probability: np.ndarray, weight: np.ndarray) -> float:
    """Weighted mean of -ln of the probabilities that were given to the truth, (n,)."""
    return float(-np.average(np.log(np.maximum(probability, SMALLEST)), weights=weight))


def binary(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Calibration of the probability of signal, for equal classes.

    Args:
        scores: (n,) probability of signal.
        labels: (n,) 1 signal, 0 background.

    Returns:
        `classes_weighted_equal` (always true), what `reliability` returns, brier_score and log_loss.
    """
    scores = scores.astype(float)
    weight, truth = equal_class_weights(labels), labels == 1
    return {
        "classes_weighted_equal": True,
        **reliability(scores, truth, weight),
        "brier_score": float(np.average((scores - truth) ** 2, weights=weight)),
        "log_loss": log_loss(np.where(truth, scores, 1 - scores), weight),
    }


def classes(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Calibration of the probability of the class that is predicted, for equal classes.

    Args:
        probabilities: (n, n_classes).
        labels: (n,) index of the class.

    Returns:
        As `binary`; the Brier score is the sum over classes, so up to 2 (Brier 1950, Mon. Wea. Rev. 78, 1).
    """
    probabilities = probabilities.astype(float)
    weight, rows = equal_class_weights(labels), np.arange(len(labels))
    predicted = probabilities.argmax(1)
    truth = np.zeros_like(probabilities)
    truth[rows, labels] = 1
    return {
        "classes_weighted_equal": True,
        **reliability(probabilities[rows, predicted], predicted == labels, weight),
        "brier_score": float(np.average(((probabilities - truth) ** 2).sum(1), weights=weight)),
        "log_loss": log_loss(probabilities[rows, labels], weight),
    }
