"""What metrics.json says of a trained tagger: the ensemble, its restarts, and training against test rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from resonaut.calibration_curve import Curve
from resonaut.errors import BadValueError, InputError
from resonaut.tag.evaluation import calibrated, calibration, multiclass, overtraining, responses
from resonaut.tag.evaluation.delong import auc_error
from resonaut.tag.evaluation.dependence import efficiencies
from resonaut.tag.evaluation.metrics import Metrics, auc, evaluate
from resonaut.tag.settings import BINARY


@dataclass(frozen=True)
class Scored:
    """Rows (jets or events) with what a tagger says of them.

    Attributes:
        outputs: of the ensemble: (n,) probability of signal, (n, n_classes) probabilities, or (n,)
            prediction.
        restarts: (n_restarts, n) or (n_restarts, n, n_classes): the same of each network.
        label: (n,) index of the class; or target: (n,) the value to predict.
        reference: (n,) the value before the correction, if there is one.
        jets: columns (n,) of the rows, such as pt and mass, GeV.
    """

    outputs: np.ndarray
    restarts: np.ndarray | None = None
    label: np.ndarray | None = None
    target: np.ndarray | None = None
    reference: np.ndarray | None = None
    jets: Mapping[str, np.ndarray] = field(default_factory=dict)

    def labels(self) -> np.ndarray:
        """(n,) int64.

        Raises:
            InputError: there are none.
        """
        if self.label is None:
            raise InputError("label: the class of each row is needed to evaluate a classifier.")
        return np.asarray(self.label).astype(np.int64)

    def targets(self) -> np.ndarray:
        """(n,) float64.

        Raises:
            InputError: there are none.
        """
        if self.target is None:
            raise InputError("target: the true value of each row is needed to evaluate a regression.")
        return np.asarray(self.target, float)

    def networks(self) -> Sequence[np.ndarray]:
        """Outputs of each network; of the ensemble if it is not known of what."""
        return [self.outputs] if self.restarts is None or not len(self.restarts) else list(self.restarts)


def spread(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean over networks of other seeds, and how much they differ; values that are None are left out.

    Returns:
        n, mean, median, standard_deviation (of n - 1) and standard_error (of the mean); None where n is too
        small.
    """
    known = np.array([value for value in values if value is not None], float)
    deviation = float(known.std(ddof=1)) if len(known) > 1 else None
    return {
        "n": len(known),
        "mean": float(known.mean()) if len(known) else None,
        "median": float(np.median(known)) if len(known) else None,
        "standard_deviation": deviation,
        "standard_error": None if deviation is None else deviation / math.sqrt(len(known)),
    }


def _rejection_spread(networks: Sequence[Metrics], wanted: str) -> dict[str, Any]:
    points = [network.rejection[wanted] for network in networks]
    errors = [point.error for point in points if point.error is not None]
    return {
        **spread([point.rejection for point in points]),
        "binomial_error": float(np.mean(errors)) if errors else None,
    }


def binary(test: Scored, training: Scored) -> dict[str, Any]:
    """Metrics of a tagger of signal and background.

    Args:
        test: rows that no network saw.
        training: rows that the networks learnt from; outputs and label are used.

    Returns:
        Of the ensemble `metrics.Metrics`, auc_error (DeLong), accuracy_error (binomial), calibration,
        overtraining (Kolmogorov-Smirnov by class; AUC of both parts), efficiency (against pt and mass at the
        working points); restarts: `Metrics` of each network; spread: of auc, accuracy and rejections over
        the networks (as in arXiv:1902.09914 table 1), the rejections' with their mean binomial_error.

    Raises:
        InputError, BadValueError: as `metrics.evaluate`.
    """
    scores, labels = np.asarray(test.outputs), test.labels()
    ensemble = evaluate(scores, labels)
    networks = [evaluate(np.asarray(values), labels) for values in test.networks()]
    seen, seen_label = np.asarray(training.outputs), training.labels()
    both = len(np.unique(seen_label)) == 2
    return {
        **ensemble.as_json(),
        "auc_error": auc_error(scores, labels),
        "accuracy_error": math.sqrt(ensemble.accuracy * (1 - ensemble.accuracy) / len(labels)),
        "restarts": [network.as_json() for network in networks],
        "spread": {
            "auc": spread([network.auc for network in networks]),
            "accuracy": spread([network.accuracy for network in networks]),
            "rejection": {name: _rejection_spread(networks, name) for name in ensemble.rejection},
        },
        "calibration": calibration.binary(scores, labels),
        "overtraining": {
            "kolmogorov_smirnov": overtraining.by_class(scores, labels, seen, seen_label, BINARY),
            "auc": {"test": ensemble.auc, "training": auc(seen, seen_label) if both else None},
        },
        "efficiency": efficiencies(
            scores, labels, test.jets, {name: point.threshold for name, point in ensemble.rejection.items()}
        ),
    }


def classes(test: Scored, training: Scored, names: Sequence[str]) -> dict[str, Any]:
    """Metrics of a tagger of several classes.

    Args:
        test, training: as `binary`.
        names: of the classes, in the order of the outputs.

    Returns:
        `multiclass.evaluate` of the ensemble; restarts and spread of `multiclass.summary`; overtraining
        (Kolmogorov-Smirnov of each class's own probability; the summary of both parts).

    Raises:
        InputError, BadValueError: as `multiclass.check`.
    """
    outputs, labels = np.asarray(test.outputs), test.labels()
    multiclass.check(outputs, labels, names)
    found = multiclass.evaluate(outputs, labels, names)
    networks = [multiclass.summary(np.asarray(values), labels) for values in test.networks()]
    seen, seen_label = np.asarray(training.outputs), training.labels()
    parts = {"test": multiclass.summary(outputs, labels)}
    if len(seen_label):
        parts["training"] = multiclass.summary(seen, seen_label)
    return {
        **found,
        "restarts": networks,
        "spread": {key: spread([network[key] for network in networks]) for key in networks[0]},
        "overtraining": {
            "kolmogorov_smirnov": overtraining.by_class(outputs, labels, seen, seen_label, names),
            **parts,
        },
    }


def calibration_of(training: Scored) -> Curve | None:
    """The curve between reference and target of training rows; None without a reference."""
    if training.reference is None or training.target is None:
        return None
    return calibrated.fit(np.asarray(training.reference, float), training.targets())


def regression(test: Scored, training: Scored) -> dict[str, Any]:
    """Metrics of a predicted value.

    Args:
        test, training: as `binary`, with target in place of label.

    Returns:
        `regression.evaluate` of the ensemble; restarts and spread of the summary; overtraining
        (Kolmogorov-Smirnov of the response; the summary of both parts).

    Raises:
        InputError: shapes differ, or there are no rows.
        BadValueError: a prediction, target or reference is not finite.
    """
    prediction, target = np.asarray(test.outputs, float), test.targets()
    reference = None if test.reference is None else np.asarray(test.reference, float)
    if prediction.ndim != 1 or prediction.shape != target.shape or not len(target):
        raise InputError(
            f"prediction and target: equal (n,) are expected, got {prediction.shape} and {target.shape}."
        )
    for name, values in (("prediction", prediction), ("target", target), ("reference", reference)):
        bad = np.flatnonzero(~np.isfinite(values)) if values is not None else ()
        if len(bad):
            raise BadValueError(f"{name}: {values[bad[0]]} in row {bad[0]}; finite values are expected.")
    curve = calibration_of(training)
    found = responses.evaluate(prediction, target, reference, test.jets, curve)
    networks = [responses.summary(np.asarray(values), target) for values in test.networks()]
    compared = ("median", "resolution", "mean_absolute_error", "rmse_log")
    seen, seen_target = np.asarray(training.outputs, float), training.targets()
    parts = {"test": responses.summary(prediction, target)}
    if len(seen_target):
        parts["training"] = responses.summary(seen, seen_target)
    ratios = [
        value[truth > 0] / truth[truth > 0] for value, truth in ((prediction, target), (seen, seen_target))
    ]
    return {
        **found,
        "restarts": networks,
        "spread": {key: spread([network[key] for network in networks]) for key in compared},
        "overtraining": {"kolmogorov_smirnov": overtraining.kolmogorov_smirnov(*ratios), **parts},
    }
