"""What is measured of a trained network on some rows: errors that fall as it learns, each with its error.

All are smaller where a tagger is better, and 0 where it is perfect, so that one law describes how they fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.tag.evaluation import metrics
from resonaut.tag.evaluation.delong import auc_error
from resonaut.tag.rows.prepare import Prepared

QUANTITIES = {
    "binary": ("loss", "auc", "rejection"),
    "classes": ("loss", "accuracy"),
    "regression": ("absolute_error",),
}
"""What can be measured, by task: cross-entropy (nats), 1 - AUC, background efficiency, 1 - accuracy."""
_SMALLEST = 1e-7


@dataclass(frozen=True)
class Number:
    """A value and its statistical error, from the rows that it was measured on."""

    value: float
    standard: float


def measure(
    rows: Prepared, part: np.ndarray, outputs: np.ndarray, signal_efficiency: float
) -> dict[str, Number]:
    """All quantities of a task on some rows.

    Each class counts alike in the loss and in the accuracy.

    Args:
        part: (n,) row numbers.
        outputs: (n,) or (n, n_classes), what `networks.outputs` gives for one network.
        signal_efficiency: where the background efficiency is measured.
    """
    values = outputs.astype(np.float64)
    if rows.task.name == "regression":
        return {"absolute_error": _mean(np.abs(_target_scale(rows, values) - rows.target[part]), None)}
    label = rows.group[part].astype(np.int64)
    if rows.task.name == "classes":
        right = np.clip(values[np.arange(len(label)), label], _SMALLEST, 1.0)
        wrong = (values.argmax(axis=1) != label).astype(np.float64)
        return {"loss": _mean(-np.log(right), label), "accuracy": _mean(wrong, label)}
    right = np.clip(np.where(label == 1, values, 1 - values), _SMALLEST, 1.0)
    passed = metrics.rejection(values, label, signal_efficiency)
    n_background = int((label == 0).sum())
    efficiency = passed.background_efficiency
    # No jet that passes is an efficiency below 1 / n.
    spread = max(efficiency * (1 - efficiency), 1 / n_background)
    return {
        "loss": _mean(-np.log(right), label),
        "auc": Number(1 - metrics.auc(values, label), auc_error(values, label) or 0.0),
        "rejection": Number(efficiency, float(np.sqrt(spread / n_background))),
    }


def _target_scale(rows: Prepared, values: np.ndarray) -> np.ndarray:
    """Outputs of a regression in the scale that its target has."""
    return values if getattr(rows.task, "reference", None) is None else np.log(values)


def _mean(values: np.ndarray, label: np.ndarray | None) -> Number:
    """Mean with its error; over the means of the classes, where there are any."""
    if label is None:
        return Number(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))
    own = [values[label == number] for number in np.unique(label)]
    means = [part.mean() for part in own]
    variance = [part.var(ddof=1) / len(part) if len(part) > 1 else 0.0 for part in own]
    return Number(float(np.mean(means)), float(np.sqrt(np.sum(variance)) / len(own)))
