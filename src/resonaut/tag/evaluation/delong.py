"""Errors of areas under ROC curves and of their differences on the same jets."""

from __future__ import annotations

import math

import numpy as np


def placements(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each jet the fraction of the other class on its right side, ties counting half.

    From ranks (doi:10.1109/LSP.2014.2337313), so in n log n. The mean of either is the AUC.

    Args:
        scores: (n,) larger is more signal-like.
        labels: (n,) 1 signal, 0 background.

    Returns:
        (n_signal,) fraction of the background below each signal jet, and (n_background,) fraction of the
        signal above each background jet.
    """
    from scipy.stats import rankdata

    signal, background = scores[labels == 1], scores[labels == 0]
    rank = rankdata(np.concatenate([signal, background]))
    below = (rank[: len(signal)] - rankdata(signal)) / len(background)
    above = 1 - (rank[len(signal) :] - rankdata(background)) / len(signal)
    return below, above


def covariance(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUC of several taggers on the same jets, and their covariance (DeLong 1988, doi:10.2307/2531595).

    Args:
        scores: (n_taggers, n); at least two jets of each class.
        labels: (n,) 1 signal, 0 background.

    Returns:
        (n_taggers,) areas and (n_taggers, n_taggers) covariance.
    """
    parts = [placements(row, labels) for row in scores]
    below = np.stack([part[0] for part in parts])
    above = np.stack([part[1] for part in parts])
    spread = np.cov(below) / below.shape[1] + np.cov(above) / above.shape[1]
    return below.mean(1), np.atleast_2d(spread)


def auc_error(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """Standard error of the AUC (DeLong 1988); None for a class of one jet.

    Args:
        scores: (n,).
        labels: (n,) 1 signal, 0 background.
    """
    n_signal = int((labels == 1).sum())
    if min(n_signal, len(labels) - n_signal) < 2:
        return None
    return math.sqrt(max(0.0, float(covariance(scores[None], labels)[1][0, 0])))
