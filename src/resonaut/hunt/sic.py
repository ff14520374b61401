"""Significance improvement against background efficiency, with a bootstrap.

Everything is at a fixed background efficiency: the ROC curve between two cuts is a straight line, so that
events of equal score pass in proportion. Each replica draws the events anew with Poisson weights and finds
its own cuts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.hunt.evaluation_settings import EvaluateSettings
from resonaut.stats.rates import Roc, roc

PER_DECADE, DECADES = 24, 5
GRID = 10.0 ** (np.arange(-PER_DECADE * DECADES, 1) / PER_DECADE)
"""Background efficiencies of all curves, so that those of methods and draws compare point by point."""

_STEP = 0.01
"""Relative change of the events that pass, below which neighbouring cuts share a draw of the bootstrap."""
_ENTRIES = 2_000_000
"""Numbers in memory at a time."""


@dataclass(frozen=True)
class Interval:
    """A value and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Maximum(Interval):
    """A largest significance improvement, and the efficiencies of the cut."""

    background_efficiency: float
    signal_efficiency: float


@dataclass(frozen=True)
class Gain:
    """What cuts on one score gain.

    Attributes:
        background_efficiency: (n_points,) those of `GRID` at which enough background passes.
        signal_efficiency, improvement: (n_points,).
        signal_replicas, improvement_replicas: (n_bootstrap, n_points).
        auc: area under the ROC curve.
        auc_replicas: (n_bootstrap,).
        confidence: of the intervals.
    """

    background_efficiency: np.ndarray
    signal_efficiency: np.ndarray
    improvement: np.ndarray
    signal_replicas: np.ndarray
    improvement_replicas: np.ndarray
    auc: float
    auc_replicas: np.ndarray
    confidence: float

    def band(self, replicas: np.ndarray) -> np.ndarray:
        """Lower and upper end of the interval of each column, (2, ...)."""
        tail = 50 * (1 - self.confidence)
        return np.percentile(replicas, [tail, 100 - tail], axis=0)

    def _interval(self, value: float, replicas: np.ndarray) -> Interval:
        low, high = self.band(replicas)
        return Interval(float(value), float(low), float(high))

    def auc_interval(self) -> Interval:
        """The area and its interval."""
        return self._interval(self.auc, self.auc_replicas)

    def at(self, efficiency: float) -> tuple[Interval, Interval] | None:
        """Improvement and signal efficiency at a background efficiency of `GRID`; None where too few pass."""
        found = np.flatnonzero(np.isclose(self.background_efficiency, efficiency, rtol=1e-9))
        if not len(found):
            return None
        point = int(found[0])
        return (
            self._interval(self.improvement[point], self.improvement_replicas[:, point]),
            self._interval(self.signal_efficiency[point], self.signal_replicas[:, point]),
        )

    def maximum(self) -> Maximum:
        """The largest improvement; its interval is that of the largest one of each replica."""
        point = int(self.improvement.argmax())
        low, high = self.band(self.improvement_replicas.max(1))
        return self._maximum(point, float(self.improvement[point]), float(low), float(high))

    def median_maximum(self) -> Maximum:
        """The largest point of the median of the replicas, with the interval at that point."""
        median = np.median(self.improvement_replicas, axis=0)
        point = int(median.argmax())
        low, high = self.band(self.improvement_replicas[:, point])
        return self._maximum(point, float(median[point]), float(low), float(high))

    def _maximum(self, point: int, value: float, low: float, high: float) -> Maximum:
        place = float(self.background_efficiency[point]), float(self.signal_efficiency[point])
        return Maximum(value, low, high, *place)


def measure(
    score: np.ndarray, is_signal: np.ndarray, given: EvaluateSettings, generator: np.random.Generator
) -> Gain | None:
    """Measure what cuts on a score gain.

    Args:
        score: (n_events,) larger is more like signal; of one scale (`stats.rates.sideband_efficiency`).
        is_signal: (n_events,) boolean.
        given: least numbers of events, replicas, confidence.
        generator: of the replicas.

    Returns:
        None where there are too few events.
    """
    curve = roc(score, is_signal)
    if curve.n_signal < given.signal_events_min or curve.n_background < given.background_events_min:
        return None
    # Rounding must not cost a point at which exactly as many events pass as are asked for.
    grid = GRID[GRID * curve.n_background > given.background_events_min * (1 - 1e-9)]
    counts = _counts(np.arange(len(curve.signal_passed)), curve)
    signal, area = _at_efficiencies(counts[:, None], grid)
    binned = _counts(_grouped(curve), curve)
    replicas = _replicas(binned, grid, given.n_bootstrap, generator)
    return Gain(
        background_efficiency=grid,
        signal_efficiency=signal[0],
        improvement=signal[0] / np.sqrt(grid),
        signal_replicas=replicas[0],
        improvement_replicas=replicas[0] / np.sqrt(grid),
        auc=float(area[0]),
        auc_replicas=replicas[1],
        confidence=given.confidence,
    )


def _grouped(curve: Roc) -> np.ndarray:
    """Cuts that neighbour each other by more than `_STEP`, and the last."""
    levels = [
        np.floor(np.log(np.maximum(passed, 1)) / _STEP).astype(int) * 2 + (passed > 0)
        for passed in (curve.signal_passed, curve.background_passed)
    ]
    changes = np.any([np.diff(level, append=-1) != 0 for level in levels], axis=0)
    return np.flatnonzero(changes)


def _counts(cuts: np.ndarray, curve: Roc) -> np.ndarray:
    """(2, n_cuts) signal and background events between each cut and the one before it."""
    passed = np.stack([curve.signal_passed, curve.background_passed])[:, cuts]
    return np.diff(passed, axis=1, prepend=0)


def _at_efficiencies(counts: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signal efficiency at background efficiencies, and the area under the ROC curve.

    Args:
        counts: (2, n_replicas, n_cuts) signal and background between cuts.
        grid: (n_points,) background efficiencies.

    Returns:
        (n_replicas, n_points) and (n_replicas,).
    """
    passed = np.zeros((*counts.shape[:2], counts.shape[2] + 1))
    np.cumsum(counts, axis=2, out=passed[:, :, 1:])
    signal, background = passed / np.maximum(passed[:, :, -1:], 1)
    # All replicas as one rising line: one interpolation instead of a loop.
    start = 2.0 * np.arange(counts.shape[1])[:, None]
    found = np.interp((start + grid).ravel(), (start + background).ravel(), signal.ravel())
    return found.reshape(-1, len(grid)), np.trapezoid(signal, background, axis=1)


def _replicas(
    counts: np.ndarray, grid: np.ndarray, n: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """As `_at_efficiencies`, of `n` bootstraps: Poisson weights of k events sum to a Poisson of mean k."""
    step = max(1, _ENTRIES // counts.size)
    parts = []
    for first in range(0, n, step):
        drawn = generator.poisson(counts, (min(step, n - first), *counts.shape))
        parts.append(_at_efficiencies(drawn.swapaxes(0, 1), grid))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
