"""Numbers of one method's answers to test rows, as they are and after each calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.tag.evaluation import metrics
from resonaut.tag.evaluation.calibration import SMALLEST, reliability
from resonaut.tag.evaluation.delong import auc_error
from resonaut.tag.uncertainty import calibration_error, recalibration
from resonaut.tag.uncertainty.predictive import Predictive

UNCALIBRATED = "none"
N_SCORE_BINS = 20


@dataclass(frozen=True)
class Truth:
    """What the rows are.

    Attributes:
        label: (n,) number of the class.
        weight: (n,) with which each class has the same sum.
    """

    label: np.ndarray
    weight: np.ndarray


def weighted(values: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Mean, and its standard error sqrt(sum (w (x - mean))^2) / sum w."""
    mean = float(np.average(values, weights=weight))
    return mean, math.sqrt(float(((weight * (values - mean)) ** 2).sum())) / float(weight.sum())


def with_error(name: str, values: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """`name` and `name_standard` of a weighted mean."""
    return dict(zip((name, f"{name}_standard"), weighted(values, weight), strict=True))


def calibration_numbers(probabilities: np.ndarray, truth: Truth, seed: int) -> dict[str, Any]:
    """How right probabilities are.

    Args:
        probabilities: (n,) of signal, or (n, n_classes).
        seed: of the bootstrap.

    Returns:
        ece by binning (`calibration_error.error`); class_ece, the mean over classes of their plain errors in
        bins of equally many rows; brier (of two classes (q - c)^2, of several the sum over them), nll, with
        _standard; reliability (`tag.evaluation.calibration.reliability`).
    """
    label, weight = truth.label, truth.weight
    rows = calibration_error.of_prediction(probabilities, label, weight)
    both = np.stack([1 - probabilities, probabilities], 1) if probabilities.ndim == 1 else probabilities
    given = both[np.arange(len(label)), label]
    missed = (1 - given) ** 2
    if probabilities.ndim == 2:
        missed = ((both - np.eye(both.shape[1])[label]) ** 2).sum(axis=1)
    of_classes = calibration_error.of_classes(both, label, weight)
    return {
        "ece": {name: calibration_error.error(rows, name, seed) for name in calibration_error.BINNINGS},
        "class_ece": float(np.mean([plain_error(entry) for entry in of_classes])),
        **with_error("brier", missed, weight),
        **with_error("nll", -np.log(np.maximum(given, SMALLEST)), weight),
        "reliability": reliability(rows.probability, rows.happened == 1, weight),
    }


def plain_error(rows: calibration_error.Rows) -> float:
    """The expected calibration error in bins of equally many rows, without its error."""
    of_bin = calibration_error.bins_of(rows.probability, "equal_mass")
    distance = np.bincount(of_bin, rows.weight * (rows.happened - rows.probability))
    return float(np.abs(distance).sum() / rows.weight.sum())


def performance(probabilities: np.ndarray, truth: Truth) -> dict[str, float | None]:
    """AUC of two classes, and the share of rows in their own class, weighted."""
    single = probabilities.ndim == 1
    chosen = (probabilities > 0.5).astype(int) if single else probabilities.argmax(axis=1)
    found: dict[str, float | None] = with_error(
        "accuracy", (chosen == truth.label).astype(float), truth.weight
    )
    if single:
        found["auc"] = metrics.auc(probabilities, truth.label)
        found["auc_standard"] = auc_error(probabilities, truth.label)
    return found


def uncertainties(found: Predictive, truth: Truth) -> dict[str, Any]:
    """Means of the parts of the uncertainty, and what they are good for.

    Returns:
        total, aleatoric, epistemic (nats), deviation and spread, with _standard; wrong_auc: how well the
        total tells rows that stand in a wrong class from the others, None where there are none;
        against_score: their means in bins of the score (of the predicted class where there are several).
    """
    parts = {
        name: getattr(found, name) for name in ("total", "aleatoric", "epistemic", "deviation", "spread")
    }
    single = found.mean.ndim == 1
    chosen = (found.mean > 0.5).astype(int) if single else found.mean.argmax(axis=1)
    wrong = (chosen != truth.label).astype(int)
    mixed = 0 < wrong.sum() < len(wrong)
    score = found.mean if single else found.mean.max(axis=1)
    result: dict[str, Any] = {}
    for name, values in parts.items():
        result |= with_error(name, values, truth.weight)
    result["wrong_auc"] = metrics.auc(found.total, wrong) if mixed else None
    result["against_score"] = against(score, parts, truth.weight)
    return result


def against(score: np.ndarray, parts: Mapping[str, np.ndarray], weight: np.ndarray) -> dict[str, list[float]]:
    """Means of several columns in bins of equally many scores."""
    of_bin = calibration_error.bins_of(score, "equal_mass", N_SCORE_BINS)
    total = np.bincount(of_bin, weight)
    found = {"score": (np.bincount(of_bin, weight * score) / total).tolist()}
    for name, values in parts.items():
        mean = np.bincount(of_bin, weight * values) / total
        spread = np.sqrt(np.bincount(of_bin, (weight * (values - mean[of_bin])) ** 2)) / total
        found |= {name: mean.tolist(), f"{name}_standard": spread.tolist()}
    return found


def measure(
    validation: Predictive,
    test: Predictive,
    truths: Sequence[Truth],
    calibrations: Sequence[recalibration.Calibration],
    seed: int,
) -> dict[str, Any]:
    """All numbers of one method.

    Args:
        validation, test: its answers to the rows of these parts.
        truths: of the same two parts.
        calibrations: are fitted to the validation rows.
        seed: of the bootstrap.

    Returns:
        `performance` and `uncertainties` of the test rows; calibrations: by name, `none` among them,
        `calibration_numbers` of the test rows and what was fitted.
    """
    found = {UNCALIBRATED: calibration_numbers(test.mean, truths[1], seed)}
    for name in calibrations:
        better = recalibration.fit(name, validation.mean, truths[0].label, truths[0].weight)
        found[name] = {**calibration_numbers(better(test.mean), truths[1], seed), "fitted": better.numbers}
    return {**performance(test.mean, truths[1]), **uncertainties(test, truths[1]), "calibrations": found}
