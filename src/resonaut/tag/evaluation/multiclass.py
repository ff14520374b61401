"""How well several classes are told apart: accuracy, areas under ROC curves, confusion, rejections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from resonaut.errors import BadValueError, InputError
from resonaut.plot.intervals import clopper_pearson
from resonaut.tag.evaluation import calibration
from resonaut.tag.evaluation.binning import equal_class_weights
from resonaut.tag.evaluation.delong import auc_error
from resonaut.tag.evaluation.metrics import auc, rejection

REJECTION_AT = 0.5
"""Signal efficiency of the rejections of pairs of classes."""


def check(probabilities: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> None:
    """Refuse what cannot be evaluated.

    Raises:
        InputError: shapes do not fit the classes.
        BadValueError: a probability is not finite, or a label is no class.
    """
    if probabilities.shape != (len(labels), len(names)) or not len(labels):
        raise InputError(
            f"scores: ({len(labels)}, {len(names)}) is expected for {len(labels)} labels and the classes "
            f"{', '.join(names)}, got {probabilities.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(probabilities).all(1))
    if len(bad):
        raise BadValueError(
            f"scores: {probabilities[bad[0]].tolist()} in row {bad[0]}; finite scores are expected."
        )
    bad = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(bad):
        raise BadValueError(
            f"labels: {labels[bad[0]]} in row {bad[0]}; 0 to {len(names) - 1} (classes) is expected."
        )


def against(probabilities: np.ndarray, signal: int, background: int) -> np.ndarray:
    """Score of one class against another, p_S / (p_S + p_B) (arXiv:2202.03772 eq. 6).

    Args:
        probabilities: (n, n_classes).

    Returns:
        (n,); a half where both probabilities are zero.
    """
    of_signal = probabilities[:, signal].astype(float)
    total = of_signal + probabilities[:, background]
    return np.divide(of_signal, total, out=np.full(len(total), 0.5), where=total > 0)


def mean_auc(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    """Mean over all pairs of classes present of the AUC, ties counting half.

    Hand and Till 2001 (doi:10.1023/A:1010920819831), eq. 7. The AUC of a pair is the mean of those of either
    class's own probability. None for a single class.

    Args:
        probabilities: (n, n_classes).
        labels: (n,).
    """
    present = np.unique(labels)
    areas = []
    for number, first in enumerate(present):
        for second in present[number + 1 :]:
            rows = (labels == first) | (labels == second)
            of_first = labels[rows] == first
            areas.append(auc(probabilities[rows, first], of_first))
            areas.append(auc(probabilities[rows, second], ~of_first))
    return float(np.mean(areas)) if areas else None


def confusion(predicted: np.ndarray, labels: np.ndarray, n_classes: int) -> dict[str, list]:
    """Confusion matrix: row the true class, column the predicted one.

    Args:
        predicted, labels: (n,) index of the class.

    Returns:
        counts; fraction of the row, and its Clopper-Pearson interval (lower, upper) of one standard
        deviation; (n_classes, n_classes) each, None in the row of a class that is absent.
    """
    counts = np.bincount(labels * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, -1)
    total = counts.sum(1, keepdims=True)
    lower, upper = clopper_pearson(counts, np.maximum(total, 1))
    values = {"fraction": counts / np.maximum(total, 1), "lower": lower, "upper": upper}
    nothing = [None] * n_classes
    return {
        "counts": counts.tolist(),
        **{
            name: [row.tolist() if n else nothing for row, n in zip(matrix, total[:, 0], strict=True)]
            for name, matrix in values.items()
        },
    }


def summary(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float | None]:
    """The numbers that compare two networks.

    Returns:
        accuracy; cross_entropy, with the classes weighted equally as in training; auc (`mean_auc`).
    """
    of_truth = probabilities[np.arange(len(labels)), labels].astype(float)
    return {
        "accuracy": float((probabilities.argmax(1) == labels).mean()),
        "cross_entropy": calibration.log_loss(of_truth, equal_class_weights(labels)),
        "auc": mean_auc(probabilities, labels),
    }


def _one_against_rest(probabilities: np.ndarray, labels: np.ndarray, number: int) -> dict[str, Any]:
    own = (labels == number).astype(int)
    if own.min() == own.max():
        return {"n": int(own.sum()), "auc": None, "auc_error": None}
    column = probabilities[:, number]
    return {"n": int(own.sum()), "auc": auc(column, own), "auc_error": auc_error(column, own)}


def _rejections(probabilities: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for signal, name in enumerate(names):
        found[name] = {}
        for background, other in enumerate(names):
            rows = (labels == signal) | (labels == background)
            is_signal = (labels[rows] == signal).astype(int)
            if background == signal or not len(is_signal) or is_signal.min() == is_signal.max():
                continue
            score = against(probabilities[rows], signal, background)
            found[name][other] = asdict(rejection(score, is_signal, REJECTION_AT))
    return found


def evaluate(probabilities: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """All numbers of one sample.

    Args:
        probabilities: (n, n_classes), as `check` accepts.
        labels: (n,).
        names: of the classes.

    Returns:
        `summary`; accuracy_error (binomial); one_vs_rest (n, auc, auc_error by class); confusion; rejection:
        by class and other class, of the other at 50 % efficiency of the class, with the score `against`
        (arXiv:2202.03772 table 1; pairs with an absent class are left out); calibration.
    """
    found = summary(probabilities, labels)
    accuracy = found["accuracy"] or 0.0
    return {
        **found,
        "accuracy_error": float(np.sqrt(accuracy * (1 - accuracy) / len(labels))),
        "one_vs_rest": {
            name: _one_against_rest(probabilities, labels, number) for number, name in enumerate(names)
        },
        "confusion": confusion(probabilities.argmax(1), labels, len(names)),
        "rejection": _rejections(probabilities, labels, names),
        "calibration": calibration.classes(probabilities, labels),
    }
