"""Numbers of a comparison: each tagger on the common rows, paired differences, the ensemble of all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from resonaut.tag.evaluation.calibration import SMALLEST
from resonaut.tag.evaluation.delong import auc_error, covariance
from resonaut.tag.evaluation.metrics import evaluate

ENSEMBLE = "ensemble"
N_POINTS = 300
"""Points of a ROC curve."""


def log_odds(probability: np.ndarray) -> np.ndarray:
    """ln(p / (1 - p)) with p kept away from 0 and 1 by what float32 resolves."""
    clipped = np.clip(probability.astype(float), SMALLEST, 1 - SMALLEST)
    return np.log(clipped) - np.log1p(-clipped)


def curve(scores: np.ndarray, labels: np.ndarray) -> dict[str, list]:
    """ROC curve at signal efficiencies that are evenly spread, from tight to loose cuts.

    Args:
        scores: (n,).
        labels: (n,) 1 signal, 0 background.

    Returns:
        signal_efficiency and background_passed, (n_points,) each; every point is a cut of the scores, the
        last one keeps everything.
    """
    signal, background = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
    kept = np.ceil(np.linspace(0, 1, N_POINTS + 1)[1:] * len(signal) - 1e-9).astype(int)
    cuts = np.append(np.unique(signal[len(signal) - np.maximum(kept, 1)])[::-1], -np.inf)
    return {
        "signal_efficiency": (1 - np.searchsorted(signal, cuts) / len(signal)).tolist(),
        "background_passed": (len(background) - np.searchsorted(background, cuts)).tolist(),
    }


def measured(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Metrics of one tagger on the common rows, with errors of the test sample, and its ROC curve.

    Args:
        scores: (n,) probability of signal.
        labels: (n,) 1 signal, 0 background.
    """
    found = evaluate(scores, labels)
    return {
        "auc": found.auc,
        "auc_error": auc_error(scores, labels),
        "accuracy": found.accuracy,
        "accuracy_error": math.sqrt(found.accuracy * (1 - found.accuracy) / len(labels)),
        "rejection": {name: asdict(point) for name, point in found.rejection.items()},
        "curve": curve(scores, labels),
    }


def of_tagger(
    name: str, scores: np.ndarray, labels: np.ndarray, metrics: Mapping[str, Any], cost: Mapping[str, Any]
) -> dict[str, Any]:
    """The row of one tagger.

    Args:
        scores, labels: (n,) of the common rows.
        metrics: of the tagger's own test part: spread over seeds and Kolmogorov-Smirnov are taken from it.
        cost: what was needed to make it.
    """
    return {
        "name": name,
        **cost,
        **measured(scores, labels),
        "spread": metrics.get("spread"),
        "kolmogorov_smirnov": (metrics.get("overtraining") or {}).get("kolmogorov_smirnov"),
    }


def ensemble(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """The row of all taggers together: the mean of their log odds.

    Args:
        scores: (n_taggers, n).
        labels: (n,).

    Returns:
        As `of_tagger`, and score, (n,).
    """
    mean = np.mean([log_odds(row) for row in scores], axis=0)
    # The logistic function, without overflow.
    score = 0.5 * (1 + np.tanh(0.5 * mean))
    return {
        "name": ENSEMBLE,
        "method": ENSEMBLE,
        "n_taggers": len(scores),
        **measured(score, labels),
        "spread": None,
        "kolmogorov_smirnov": None,
        "score": score,
    }


def _seed_error(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None, key: str) -> float | None:
    errors = [spread[key]["standard_error"] for spread in (one, other) if spread]
    return math.hypot(*errors) if len(errors) == 2 and None not in errors else None


def _difference(value: float, error: float | None, seed_error: float | None) -> dict[str, float | None]:
    """A difference with its errors and how many of them it is."""
    total = None if error is None else math.hypot(error, seed_error or 0.0)
    return {
        "difference": value,
        "error": error,
        "seed_error": seed_error,
        "total_error": total,
        "significance": value / total if total else None,
    }


def paired(
    scores: Mapping[str, np.ndarray], labels: np.ndarray, spreads: Mapping[str, Mapping[str, Any] | None]
) -> list[dict[str, Any]]:
    """Differences of AUC and accuracy of all pairs, on the same rows.

    The error of the AUC is DeLong's, of the accuracy that of the mean of the differences row by row (as in
    McNemar's test); both are of the test sample. `seed_error` is of the training: the standard errors over
    restarts of both, in quadrature; None where either has one network. The significance counts both.

    Args:
        scores: (n,) by tagger.
        labels: (n,) 1 signal, 0 background.
        spreads: `spread` of the metrics, by tagger.

    Returns:
        For each pair first, second, and auc and accuracy of the first minus the second.
    """
    names = list(scores)
    if len(names) < 2:
        return []
    enough = min(int((labels == 1).sum()), int((labels == 0).sum())) > 1
    areas, spread = covariance(np.stack([scores[name] for name in names]), labels) if enough else (None, None)
    correct = np.stack([(scores[name] > 0.5) == (labels == 1) for name in names])
    found = []
    for i, j in combinations(range(len(names)), 2):
        of_seeds = [spreads.get(names[number]) for number in (i, j)]
        entry: dict[str, Any] = {"first": names[i], "second": names[j]}
        if enough:
            variance = float(spread[i, i] + spread[j, j] - 2 * spread[i, j])
            entry["auc"] = _difference(
                float(areas[i] - areas[j]), math.sqrt(max(0.0, variance)), _seed_error(*of_seeds, "auc")
            )
        rows = correct[i].astype(np.int8) - correct[j]
        entry["accuracy"] = _difference(
            float(rows.mean()), float(rows.std()) / math.sqrt(len(rows)), _seed_error(*of_seeds, "accuracy")
        )
        found.append(entry)
    return found
