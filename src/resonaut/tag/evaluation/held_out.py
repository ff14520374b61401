"""How a tagger does on values that it was not trained on, apart from those that it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from resonaut.tag.evaluation import multiclass, responses
from resonaut.tag.evaluation.metrics import auc
from resonaut.tag.evaluation.summary import Scored, calibration_of


def evaluate(
    test: Scored, training: Scored, described: Mapping[str, Mapping[str, Any]], task: str
) -> dict[str, Any]:
    """Numbers of test rows inside and outside of each range that was kept out of the training.

    Args:
        test: rows, whose `jets` have `held_out_<column>`.
        training: rows that the calibrated values are fitted to.
        described: of `tag train`: range, trained and position by column.
        task: binary, classes or regression.

    Returns:
        By column what `described` says, and inside and outside: n, and of a regression `responses.summary`
        and that of the calibrated reference; of classes their summary; of signal and background the AUC.
        None where there are no rows (or one class only).
    """
    found = {}
    for name, said in described.items():
        flag = np.asarray(test.jets[f"held_out_{name}"]) == 1
        sides = {"inside": flag, "outside": ~flag}
        entry = dict(said)
        for side, rows in sides.items():
            entry[side] = _of_rows(test, training, rows, task) if rows.any() else None
        found[name] = entry
    return found


def _of_rows(test: Scored, training: Scored, rows: np.ndarray, task: str) -> dict[str, Any]:
    outputs = np.asarray(test.outputs)[rows]
    if task == "regression":
        target = test.targets()[rows]
        made = responses.summary(outputs, target)
        curve = calibration_of(training)
        if curve is not None and test.reference is not None:
            calibrated = curve.calibrated(np.asarray(test.reference, float)[rows])
            made["calibrated"] = responses.summary(calibrated, target)
        return made
    labels = test.labels()[rows]
    if task == "classes":
        return {"n": len(labels), **multiclass.summary(outputs, labels)}
    return {"n": len(labels), "auc": auc(outputs, labels) if len(np.unique(labels)) == 2 else None}
