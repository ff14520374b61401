"""Selections on scores: thresholds that keep a fixed fraction of a window's side bands, fold by fold."""

from __future__ import annotations

import numpy as np


def allot(sizes: np.ndarray, efficiency: float) -> np.ndarray:
    """How many events to keep in each fold.

    Each fold keeps `efficiency` of its events to less than one event, and the sum over the folds is right to
    half an event: rounding fold by fold would lose or add events in every fold where few are kept.

    Args:
        sizes: (n_folds,) events.
        efficiency: between 0 and 1.

    Returns:
        (n_folds,) integers, at most `sizes`.
    """
    running = np.floor(efficiency * np.cumsum(sizes) + 0.5).astype(int)
    return np.diff(running, prepend=0)


def threshold(scores: np.ndarray, n_kept: int) -> float:
    """The score that as nearly as possible `n_kept` of `scores` reach.

    Of equal scores all or none are kept, whichever is nearer to `n_kept` (all, if both are as near); nothing
    is drawn at random.

    Args:
        scores: (n,) not NaN.
        n_kept: number of events to keep.

    Returns:
        The threshold t for `score >= t`; infinity to keep none.
    """
    if n_kept == 0:
        return np.inf
    ordered = np.sort(scores)[::-1]
    value = ordered[n_kept - 1]
    n_above = int((ordered > value).sum())
    n_reaching = int((ordered >= value).sum())
    if n_reaching - n_kept <= n_kept - n_above:
        return float(value)
    return float(ordered[n_above - 1]) if n_above else np.inf


def thresholds(
    score: np.ndarray, fold: np.ndarray, sideband: np.ndarray, efficiency: float, n_folds: int
) -> np.ndarray:
    """Thresholds of one window.

    Folds have networks of their own, whose scores cannot be compared, so each has a threshold of its own.

    Args:
        score: (n_events,).
        fold: (n_events,), -1 in padding.
        sideband: (n_events,) boolean, events of the window's side bands.
        efficiency: fraction of the side-band events to keep; 1 keeps all events, whatever their score.
        n_folds: number of folds.

    Returns:
        (n_folds,) thresholds.
    """
    if efficiency == 1:
        return np.full(n_folds, -np.inf)
    members = [score[sideband & (fold == number)] for number in range(n_folds)]
    kept = allot(np.array([len(scores) for scores in members]), efficiency)
    return np.array([threshold(scores, n_kept) for scores, n_kept in zip(members, kept, strict=True)])


def passing(score: np.ndarray, fold: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """(n_events,) boolean: events that reach the threshold of their fold; padding never does."""
    return (fold >= 0) & (score >= limits[fold])
