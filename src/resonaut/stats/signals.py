"""Signal templates: what one signal event adds to each bin, and how the energy scale moves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from resonaut.errors import ConfigError
from resonaut.stats import interpolation

SMALLEST_FRACTION = 1e-3
"""A template with less of the signal inside the bins is taken for a mistake."""
CORE = 0.9
"""Fraction of the template that `Signal.core` holds."""


@dataclass(frozen=True)
class Change:
    """What a systematic variation does to a signal: one nuisance parameter for its rate and its shape.

    Attributes:
        name: of the nuisance parameter.
        high, low: factors on the rate at one standard deviation up and down, positive.
        up, down: (n_bins,) the template there, without these factors; None where the shape stays.
    """

    name: str
    high: float = 1.0
    low: float = 1.0
    up: np.ndarray | None = None
    down: np.ndarray | None = None


@dataclass(frozen=True)
class Signal:
    """A signal template.

    Attributes:
        nominal: (n_bins,) expected signal per signal event; its sum is the fraction inside the bins.
        up, down: (n_bins,) the same with the energy scale one standard deviation up and down, or None.
        error: (n_bins,) statistical error of `nominal` (limited simulation), or None.
        changes: what systematic variations do.
    """

    nominal: np.ndarray
    up: np.ndarray | None = None
    down: np.ndarray | None = None
    error: np.ndarray | None = None
    changes: tuple[Change, ...] = ()

    @property
    def core(self) -> np.ndarray:
        """(n_bins,) boolean: the fewest bins that hold 90 % of the template."""
        order = np.argsort(-self.nominal, kind="stable")
        before = np.cumsum(self.nominal[order]) - self.nominal[order]
        result = np.zeros(len(self.nominal), bool)
        result[order[before < CORE * self.nominal.sum() * (1 - 1e-12)]] = True
        return result

    def at_energy_scale(self, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The template with the energy scale `shift` (n,) standard deviations up, and its derivative.

        Through `down`, `nominal` and `up`: a polynomial between them and straight lines outside, twice
        differentiable (interpolation code 4p of HistFactory, as in pyhf).

        Returns:
            Two arrays (n, n_bins).
        """
        shift = np.asarray(shift, float)
        if self.up is None or self.down is None:
            flat = np.broadcast_to(self.nominal, (len(shift), len(self.nominal)))
            return flat, np.zeros_like(flat)
        change, slope = interpolation.shape(shift, self.nominal, self.up, self.down)
        return self.nominal + change, slope

    def regrouped(self, of_bins: Callable[[np.ndarray], np.ndarray]) -> Signal:
        """The same in other bins.

        Args:
            of_bins: gives values in the other bins from those (n_bins,) in these; linear.
        """

        def moved(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else of_bins(values)

        return Signal(
            of_bins(self.nominal),
            moved(self.up),
            moved(self.down),
            moved(self.error),
            tuple(replace(one, up=moved(one.up), down=moved(one.down)) for one in self.changes),
        )


def window(inside: np.ndarray) -> Signal:
    """A counting experiment: the whole signal is in one bin.

    Args:
        inside: (n_bins,) boolean, true for the bin of the signal region.

    Raises:
        ConfigError: not exactly one bin is chosen; how the signal is shared by several is not known.
    """
    inside = np.asarray(inside, bool)
    if inside.sum() != 1:
        raise ConfigError(
            f"signal of shape 'window': one merged bin of the signal region is expected, got {inside.sum()} "
            "bins. Merge the bins of the signal region, or give the signal a shape."
        )
    return Signal(inside.astype(float))


def gaussian(edges: np.ndarray, mass: float, width: float, energy_scale: float = 0.0) -> Signal:
    """A Gaussian peak, integrated over the bins.

    Args:
        edges: (n_bins + 1,) GeV.
        mass, width: mean and standard deviation, GeV.
        energy_scale: relative error of the mass scale; mean and width move together.

    Raises:
        ConfigError: the width is not positive, or the peak lies outside of the bins.
    """
    from scipy.special import ndtr

    edges = np.asarray(edges, float)
    if not width > 0:
        raise ConfigError(f"signal at {mass:g} GeV: a positive width is expected, got {width:g} GeV.")

    def peak(scale: float) -> np.ndarray:
        pull = (edges - mass * scale) / (width * scale)
        # On the upper side the complement keeps its digits.
        upper = pull[:-1] > 0
        sign = np.where(upper, -1.0, 1.0)
        return sign * (ndtr(sign * pull[1:]) - ndtr(sign * pull[:-1]))

    return _with_energy_scale(
        peak, edges, f"signal of mass {mass:g} GeV and width {width:g} GeV", energy_scale
    )


def histogram(
    counts: np.ndarray,
    edges: np.ndarray,
    energy_scale: float = 0.0,
    *,
    total: float | None = None,
    variance: np.ndarray | None = None,
) -> Signal:
    """A template from simulated events.

    For the energy scale, masses are multiplied; inside the bins the events are spread by a monotone cubic
    through their cumulated number (Fritsch and Carlson, doi:10.1137/0717021).

    Args:
        counts: (n_bins,) simulated events or their sum of weights, not negative.
        edges: (n_bins + 1,) GeV.
        energy_scale: relative error of the mass scale.
        total: all simulated events (sum of weights), those outside of the bins included; the sum of `counts`
            if None.
        variance: (n_bins,) sum of squared weights; `counts` if None, as for events without weights.

    Raises:
        ConfigError: a count is negative or no number, or nearly no event is inside the bins.
    """
    from scipy.interpolate import PchipInterpolator

    counts, edges = np.asarray(counts, float), np.asarray(edges, float)
    bad = np.flatnonzero(~(np.isfinite(counts) & (counts >= 0)))
    if len(bad):
        low, high = edges[bad[0]], edges[bad[0] + 1]
        raise ConfigError(
            f"signal template: {counts[bad[0]]:g} in bin {low:g}-{high:g} GeV, a number that is not negative "
            "is expected. Merge bins, or leave out events of negative weight."
        )
    everything = counts.sum() if total is None else total
    cumulated = PchipInterpolator(edges, np.append(0.0, np.cumsum(counts)), extrapolate=False)

    def shifted(scale: float) -> np.ndarray:
        if scale == 1:
            return counts / max(everything, 1e-300)
        return np.diff(cumulated(np.clip(edges / scale, edges[0], edges[-1]))) / max(everything, 1e-300)

    made = _with_energy_scale(shifted, edges, "signal template", energy_scale)
    error = np.sqrt(counts if variance is None else np.asarray(variance, float)) / everything
    return Signal(made.nominal, made.up, made.down, error)


def _with_energy_scale(shape, edges: np.ndarray, name: str, energy_scale: float) -> Signal:
    """The signal of a shape that is a function of the factor on all masses."""
    nominal = shape(1.0)
    if not nominal.sum() >= SMALLEST_FRACTION:
        raise ConfigError(
            f"{name}: {nominal.sum():.2g} of it is inside the range {edges[0]:g}-{edges[-1]:g} GeV, at least "
            f"{SMALLEST_FRACTION:g} is expected. Choose a mass inside the range, or extend the range."
        )
    if not energy_scale:
        return Signal(nominal)
    if not 0 < energy_scale < 1:
        raise ConfigError(
            f"{name}: a relative error of the energy scale between 0 and 1 is expected, got {energy_scale:g}."
        )
    return Signal(nominal, shape(1 + energy_scale), shape(1 - energy_scale))
