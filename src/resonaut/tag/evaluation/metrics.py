"""How well scores tell signal from background: AUC, accuracy, background rejection with binomial errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import BadValueError, InputError, MissingFileError

SIGNAL_EFFICIENCIES = (0.3, 0.5)


@dataclass(frozen=True)
class Rejection:
    """Background rejection at a signal efficiency.

    Attributes:
        signal_efficiency: the fraction of signal with a score at or above the threshold; never below what
            was asked for.
        threshold: the score that is cut on.
        background_passed: number of background jets at or above it.
        background_efficiency: their fraction.
        rejection: 1 / background_efficiency; None where no background passes.
        error: its binomial standard error, of the background alone; None where no background passes.
    """

    signal_efficiency: float
    threshold: float
    background_passed: int
    background_efficiency: float
    rejection: float | None
    error: float | None


@dataclass(frozen=True)
class Metrics:
    """Metrics of a tagger on one sample.

    Attributes:
        auc: area under the ROC curve.
        accuracy: fraction of jets on their own side of the score 0.5.
        n_signal, n_background: jets.
        rejection: by signal efficiency, as text ("0.3").
    """

    auc: float
    accuracy: float
    n_signal: int
    n_background: int
    rejection: dict[str, Rejection]

    def as_json(self) -> dict[str, Any]:
        """The metrics as JSON values."""
        return asdict(self)


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve: the chance that signal scores above background, ties counting half.

    From the sum of ranks (Mann and Whitney, doi:10.1214/aoms/1177730491).

    Args:
        scores: (n,) larger is more signal-like.
        labels: (n,) 1 signal, 0 background.
    """
    _, group, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - 0.5 * (counts - 1))[group]
    signal = labels == 1
    n_signal = int(signal.sum())
    n_background = len(labels) - n_signal
    return float((rank[signal].sum() - 0.5 * n_signal * (n_signal + 1)) / (n_signal * n_background))


def rejection(scores: np.ndarray, labels: np.ndarray, signal_efficiency: float) -> Rejection:
    """Background rejection at the tightest threshold that keeps at least this fraction of the signal.

    With e the background efficiency of n jets, the error of 1 / e is sqrt((1 - e) / (n e)) / e.

    Args:
        scores, labels: (n,).
        signal_efficiency: wanted, in (0, 1].
    """
    signal, background = scores[labels == 1], scores[labels == 0]
    # The small term keeps 0.3 * 10 = 3.0000000000000004 from asking for a fourth jet.
    kept = max(1, math.ceil(signal_efficiency * len(signal) - 1e-9))
    threshold = np.partition(signal, len(signal) - kept)[len(signal) - kept]
    passed = int((background >= threshold).sum())
    efficiency = passed / len(background)
    return Rejection(
        signal_efficiency=float((signal >= threshold).mean()),
        threshold=float(threshold),
        background_passed=passed,
        background_efficiency=efficiency,
        rejection=1 / efficiency if passed else None,
        error=math.sqrt((1 - efficiency) / passed) / efficiency if passed else None,
    )


def evaluate(
    scores: np.ndarray, labels: np.ndarray, efficiencies: Sequence[float] = SIGNAL_EFFICIENCIES
) -> Metrics:
    """All metrics of one sample.

    Args:
        scores: (n,) probability of signal.
        labels: (n,) 1 signal, 0 background.

    Raises:
        InputError: lengths differ, or a class is missing.
        BadValueError: a score is not finite, or a label is neither 0 nor 1.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise InputError(
            f"scores and labels: equal (n,) are expected, got {scores.shape} and {labels.shape}."
        )
    bad = ~np.isfinite(scores)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise BadValueError(f"scores: {scores[row]} in row {row}; finite scores are expected.")
    other = ~np.isin(labels, (0, 1))
    if other.any():
        row = int(np.flatnonzero(other)[0])
        raise BadValueError(f"labels: {labels[row]} in row {row}; 1 (signal) or 0 (background) is expected.")
    n_signal = int((labels == 1).sum())
    if n_signal in (0, len(labels)):
        raise InputError(
            f"labels: {n_signal} signal and {len(labels) - n_signal} background jets; both are needed."
        )
    return Metrics(
        auc=auc(scores, labels),
        accuracy=float(((scores > 0.5) == (labels == 1)).mean()),
        n_signal=n_signal,
        n_background=len(labels) - n_signal,
        rejection={f"{wanted:g}": rejection(scores, labels, wanted) for wanted in efficiencies},
    )


def _load(path: str | Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path}: not a readable .npy file of numbers ({error}).") from None


def from_files(scores: str | Path, labels: str | Path) -> Metrics:
    """Metrics of scores and labels in two `.npy` files.

    Raises:
        MissingFileError, InputError, BadValueError: as `evaluate`, and where a file cannot be read.
    """
    return evaluate(_load(scores), _load(labels))
