"""Calibration of conformal p-values on the side bands of a window: see `hunt.conformal`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from resonaut.stats import conformal, density_ratio

EVENTS_MIN = 50
"""Fewest events of each side band for what needs both."""
ROUNDING = 1 + 1e-12
_CLASSES = 3
"""Of the mass in each side band, with equal numbers of events."""
_MASSES = 5
"""In the window at which weighted p-values are made; they are interpolated between."""

Variant = Literal["split", "weighted", "mondrian"]


@dataclass(frozen=True)
class Sample:
    """Events of one window.

    Attributes:
        score: (n,) larger is more like signal.
        mass: (n,) scaled: 0 at the centre of the window, +-1 about the means of the side bands.
        fold: (n,) whose network scored the event.
        side: (n,) -1 below, 1 above, 0 signal region.
        ends: scaled masses of the window's edges.
    """

    score: np.ndarray
    mass: np.ndarray
    fold: np.ndarray
    side: np.ndarray
    ends: tuple[float, float]

    @classmethod
    def of(
        cls,
        score: np.ndarray,
        mass: np.ndarray,
        fold: np.ndarray,
        region: np.ndarray,
        window: tuple[float, float],
    ) -> Sample:
        """The events of a window and its side bands.

        Args:
            score, mass, fold: (n_all,) mass in GeV.
            region: (n_all,) 1 signal region, 0 side band, -1 neither.
            window: edges, GeV.
        """
        used = (fold >= 0) & (region >= 0)
        centre = (window[0] + window[1]) / 2
        side = np.where(region[used] == 1, 0, np.where(mass[used] < centre, -1, 1))
        shifted = mass[used] - centre
        means = [shifted[side == s].mean() for s in (-1, 1) if (side == s).any()]
        scale = float(np.mean(np.abs(means))) if means else 1.0
        ends = ((window[0] - centre) / scale, (window[1] - centre) / scale)
        return cls(score[used].astype(float), shifted / scale, fold[used], side, ends)

    @property
    def folds(self) -> np.ndarray:
        """Numbers of the folds."""
        return np.unique(self.fold)

    @property
    def complete(self) -> bool:
        """Whether both side bands hold enough events for what needs both."""
        return all((self.side == s).sum() >= EVENTS_MIN for s in (-1, 1))

    def share(self, fold: int) -> float:
        """Fraction of the side-band events in a fold, which stands for that of the window."""
        return float((self.fold[self.side != 0] == fold).mean())


@dataclass(frozen=True)
class Calibrated:
    """p-values of the signal region's events (n_inside,), and the fraction of background that levels keep."""

    p_values: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


def calibrate(sample: Sample, variant: Variant, levels: np.ndarray, mass_terms: int = 2) -> Calibrated:
    """p-values and null of one variant.

    Args:
        sample: events; with at least `EVENTS_MIN` in each side band for `weighted` and `mondrian`.
        variant: how events are ranked.
        levels: (E,).
        mass_terms: of the density ratio.
    """
    if variant == "weighted":
        return _weighted(sample, levels, mass_terms)
    return (_split if variant == "split" else _mondrian)(sample, levels)


def _split(sample: Sample, levels: np.ndarray) -> Calibrated:
    inside = sample.side == 0
    p_values = np.zeros(int(inside.sum()))
    mean, variance = np.zeros((2, len(levels)))
    for fold in sample.folds:
        own = sample.fold == fold
        known = sample.score[own & ~inside]
        p_values[own[inside]] = conformal.split_p_values(known, sample.score[own & inside])
        null = [conformal.BetaNull.of_ranks(level, len(known)) for level in levels]
        share = sample.share(fold)
        mean += share * np.array([each.mean for each in null])
        variance += share**2 * np.array([each.variance for each in null])
    return Calibrated(p_values, mean, variance)


def _mondrian(sample: Sample, levels: np.ndarray) -> Calibrated:
    inside = sample.side == 0
    low, high = (float(sample.mass[sample.side == s].mean()) for s in (-1, 1))
    p_values = np.zeros(int(inside.sum()))
    variance = np.zeros(len(levels))
    for fold in sample.folds:
        own = sample.fold == fold
        bands = [sample.score[own & (sample.side == s)] for s in (-1, 1)]

        def ranked(scores: np.ndarray, mass: np.ndarray, bands: list[np.ndarray] = bands) -> np.ndarray:
            each = np.stack([conformal.split_p_values(band, scores) for band in bands])
            return conformal.mondrian_p_values(each, (mass - low) / (high - low))

        p_values[own[inside]] = ranked(sample.score[own & inside], sample.mass[own & inside])
        known = np.sort(np.concatenate(bands))
        at_centre = ranked(known, np.zeros(len(known)))
        share = np.array([high, -low]) / (high - low)
        for number, level in enumerate(levels):
            reached = known[at_centre <= level * ROUNDING]
            relative = 0.0
            for part, band in zip(share, bands, strict=True):
                kept = max((band >= reached[0]).sum() if len(reached) else 0, 0.5) / max(len(band), 1)
                relative += part**2 * max(1 - kept, 0) / (kept * max(len(band), 1))
            variance[number] += (sample.share(fold) * level) ** 2 * relative
    return Calibrated(p_values, levels.copy(), variance)


def _classes(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Class of the mass of each side-band event, and mean scaled mass of the classes."""
    mass, side = sample.mass[sample.side != 0], sample.side[sample.side != 0]
    classes = np.zeros(len(mass), int)
    for number, s in enumerate((-1, 1)):
        rows = np.flatnonzero(side == s)
        rows = rows[np.argsort(mass[rows], kind="stable")]
        classes[rows] = number * _CLASSES + np.arange(len(rows)) * _CLASSES // len(rows)
    return classes, np.bincount(classes, mass) / np.bincount(classes)


def _weighted(sample: Sample, levels: np.ndarray, mass_terms: int) -> Calibrated:
    inside = sample.side == 0
    z = np.zeros(len(sample.score))
    for fold in sample.folds:
        own = sample.fold == fold
        z[own] = density_ratio.normal_scores(sample.score[own & ~inside], sample.score[own])
    classes, means = _classes(sample)
    ratio = density_ratio.fit(z[~inside], classes, means, mass_terms)
    masses = np.linspace(*sample.ends, _MASSES)
    p_values = np.zeros(int(inside.sum()))
    for fold in sample.folds:
        own = sample.fold == fold
        known, tested = own & ~inside, own & inside
        curves = np.stack(
            [
                conformal.weighted_p_values(
                    sample.score[known],
                    ratio.weights(z[known], t),
                    sample.score[tested],
                    ratio.weights(z[tested], t),
                )
                for t in masses
            ]
        )
        p_values[own[inside]] = _between(curves, masses, sample.mass[tested])
    return Calibrated(p_values, levels.copy(), _variance(sample, z, ratio, classes, levels))


def _between(curves: np.ndarray, masses: np.ndarray, at: np.ndarray) -> np.ndarray:
    """p-values (n,) at masses `at`, log-linear between those (n_masses, n) at equidistant masses."""
    place = np.clip((at - masses[0]) / (masses[1] - masses[0]), 0, len(masses) - 1)
    lower = np.minimum(place.astype(int), len(masses) - 2)
    rows = np.arange(len(at))
    low, high = np.log(curves[lower, rows]), np.log(curves[lower + 1, rows])
    return np.exp(low + (place - lower) * (high - low))


def _variance(
    sample: Sample, z: np.ndarray, ratio: density_ratio.DensityRatio, classes: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """Variance of the fraction of background that each level keeps at the window's centre, (E,)."""
    known = sample.side != 0
    z, score, fold = z[known], sample.score[known], sample.fold[known]
    cells, centres = density_ratio.cells(z), density_ratio.centres()
    weights = ratio.weights(z, 0.0)
    gradient, influence = ratio.weight_gradient(centres, 0.0), ratio.influence(centres)
    result = np.zeros(len(levels))
    for number, level in enumerate(levels):
        direct = np.zeros(len(z))
        for each in sample.folds:
            rows = np.flatnonzero(fold == each)
            rows = rows[np.argsort(-score[rows], kind="stable")]
            part = np.cumsum(weights[rows]) / weights[rows].sum()
            kept = part <= level * ROUNDING
            share = len(rows) / len(z) / weights[rows].sum()
            direct[rows] = share * weights[rows] * (kept - part[kept].max(initial=0.0))
        slope = np.bincount(cells, direct, minlength=len(centres)) @ gradient
        result[number] = ((direct + (influence @ (ratio.covariance @ slope))[cells, classes]) ** 2).sum()
    return result
