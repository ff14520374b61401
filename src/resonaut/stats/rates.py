"""Efficiencies of a cut on a score, and what a cut gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Roc:
    """Efficiencies at cuts from tight to loose.

    Attributes:
        signal_passed, background_passed: (n,) events at or above each cut.
        n_signal, n_background: all events.
    """

    signal_passed: np.ndarray
    background_passed: np.ndarray
    n_signal: int
    n_background: int

    @property
    def signal_efficiency(self) -> np.ndarray:
        """(n,)."""
        return self.signal_passed / self.n_signal

    @property
    def background_efficiency(self) -> np.ndarray:
        """(n,)."""
        return self.background_passed / self.n_background


def roc(score: np.ndarray, is_signal: np.ndarray) -> Roc:
    """Count what passes at every distinct value of the score; events of equal score pass together.

    Args:
        score: (n_events,) larger is more signal-like.
        is_signal: (n_events,) bool.
    """
    order = np.argsort(-score, kind="stable")
    last_of_equal = np.flatnonzero(np.diff(score[order], append=-np.inf))
    signal = np.cumsum(is_signal[order])[last_of_equal]
    return Roc(signal, last_of_equal + 1 - signal, int(is_signal.sum()), int((~is_signal).sum()))


def passed_at(curve: Roc, signal_efficiency: np.ndarray) -> np.ndarray:
    """Background that passes the tightest cuts that keep these fractions of the signal, (n,).

    Args:
        signal_efficiency: (n,) in (0, 1].
    """
    wanted = np.ceil(signal_efficiency * curve.n_signal - 1e-9)
    place = np.searchsorted(curve.signal_passed, wanted)
    return curve.background_passed[np.minimum(place, len(curve.background_passed) - 1)]


def spread(curves: Sequence[Roc], signal_efficiency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest background rejection of several networks at each signal efficiency.

    Args:
        curves: of the same events.
        signal_efficiency: (n,) in (0, 1].

    Returns:
        (n,) each; NaN where some network lets no background pass.
    """
    passed = np.stack([passed_at(curve, signal_efficiency) for curve in curves]).astype(float)
    passed[passed == 0] = np.nan
    rejection = curves[0].n_background / passed
    return rejection.min(0), rejection.max(0)


def thinned(x: np.ndarray, n_points: int, log: bool = False) -> np.ndarray:
    """Indices of at most `n_points` entries of rising `x`, evenly spread over its range (or its log)."""
    ends = float(x[0]), float(x[-1])
    wanted = np.geomspace(*ends, n_points) if log else np.linspace(*ends, n_points)
    return np.unique(np.clip(np.searchsorted(x, wanted), 0, len(x) - 1))


@dataclass(frozen=True)
class Improvement:
    """Significance improvement at cuts from tight to loose; (n,) each."""

    background_efficiency: np.ndarray
    value: np.ndarray
    error: np.ndarray


def improvement(curve: Roc, min_background: int) -> Improvement:
    """eps_S / sqrt(eps_B) (arXiv:1010.3698) where at least `min_background` background events pass.

    The error is the propagated binomial one of both efficiencies:
    (error / value)^2 = (1 - eps_S) / (n_S eps_S) + (1 - eps_B) / (4 n_B eps_B).
    """
    kept = (curve.background_passed >= min_background) & (curve.signal_passed > 0)
    signal, background = curve.signal_efficiency[kept], curve.background_efficiency[kept]
    value = signal / np.sqrt(background)
    relative = (1 - signal) / curve.signal_passed[kept] + (1 - background) / (
        4 * curve.background_passed[kept]
    )
    return Improvement(background, value, value * np.sqrt(relative))


def sideband_efficiency(score: np.ndarray, fold: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Background efficiency of the cut at each event's own score, from the side band of its own fold.

    Scores of different folds come from different networks and do not compare; this does. An event of the side
    band counts itself: k / n; any other event gets (k + 1) / (n + 1), where k of its fold's n side-band
    events have at least its score (doi:10.2202/1544-6115.1585). Both are uniform if the score does not tell
    the regions apart.

    Args:
        score: (n_events,) larger is more signal-like.
        fold: (n_events,) negative where the event is padding.
        region: (n_events,) 1 signal region, 0 side band, -1 neither.

    Returns:
        (n_events,) in (0, 1]; NaN for padding and for a fold without side band.
    """
    out = np.full(len(score), np.nan)
    for number in np.unique(fold[fold >= 0]):
        own = fold == number
        sideband = np.sort(score[own & (region == 0)])
        if not len(sideband):
            continue
        at_least = len(sideband) - np.searchsorted(sideband, score[own], side="left")
        other = region[own] != 0
        out[own] = (at_least + other) / (len(sideband) + other)
    return out
