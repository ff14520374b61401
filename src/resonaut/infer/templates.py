"""Signal shapes in the bins of a scan: a counting window, a peak, or the masses of a simulated dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonaut import manifest
from resonaut.errors import ConfigError, EmptyFileError, InputError, nearest
from resonaut.infer.settings import SignalSettings
from resonaut.scan import Window
from resonaut.stats import signals
from resonaut.stats.signals import Signal
from resonaut.store import open_h5

_FINE = np.geomspace(1.0, 1e6, 200_001)
"""GeV; fine bins, 7e-5 wide, that masses are kept in: any coarser bins and shifts are made of them."""
_OUTSIDE = 1e-3
"""A shape of which less lies in the bins is not in them."""


@dataclass(frozen=True)
class Masses:
    """Weighted masses of a simulated signal.

    Attributes:
        dataset: its name.
        weights: (n,) sum of weights in fine bins.
        squares: (n,) sum of squared weights.
        total: of all events, also those outside.
    """

    dataset: str
    weights: np.ndarray
    squares: np.ndarray
    total: float

    @property
    def median(self) -> float:
        """GeV."""
        below = np.cumsum(self.weights)
        return float(np.interp(below[-1] / 2, np.append(0.0, below), _FINE))

    def signal(self, edges: np.ndarray, scale: float, energy_scale: float) -> Signal:
        """The shape in bins.

        Args:
            edges: (B + 1,) GeV.
            scale: factor on the masses.
            energy_scale: relative shift of the mass at one standard deviation; 0 for none.
        """
        shifted = [
            self._fractions(self.weights, edges, scale * (1 + sign * energy_scale)) for sign in (0, 1, -1)
        ]
        error = np.sqrt(self._fractions(self.squares, edges, scale) * self.total) / self.total
        moved = bool(energy_scale)
        return Signal(
            nominal=shifted[0],
            up=shifted[1] if moved else None,
            down=shifted[2] if moved else None,
            error=error,
        )

    def _fractions(self, values: np.ndarray, edges: np.ndarray, scale: float) -> np.ndarray:
        below = np.interp(edges / scale, _FINE, np.append(0.0, np.cumsum(values)))
        # Negative weights may leave a bin with less than nothing, which no Poisson mean can be.
        return np.maximum(np.diff(below), 0.0) / self.total


def selected(dataset: str, mass: np.ndarray, weight: np.ndarray) -> Masses:
    """Masses (n,) GeV of some events of a dataset, with a positive sum of weights (n,)."""
    sums = (np.histogram(mass, _FINE, weights=values)[0] for values in (weight, weight**2))
    return Masses(dataset, *sums, float(weight.sum()))


def read(settings: SignalSettings, paths: Mapping[str, Path]) -> Masses | None:
    """Masses of the dataset whose shape is asked for; None for other shapes.

    Args:
        settings: which one.
        paths: manifests of features by the name of the dataset.

    Raises:
        ConfigError: the dataset has no manifest among `paths`.
        InputError: the manifest is not one of features, or of another dataset.
        EmptyFileError: no events, or no positive sum of weights.
    """
    if settings.dataset is None:
        return None
    if settings.dataset not in paths:
        raise ConfigError(
            f"--signal: infer.signal.dataset is '{settings.dataset}'; give {settings.dataset}=MANIFEST of "
            f"its features. {nearest(settings.dataset, paths)}"
        )
    path = paths[settings.dataset]
    found = manifest.read(path, "features")
    if found.dataset != settings.dataset:
        raise InputError(f"{path}: the manifest of '{found.dataset}', '{settings.dataset}' is expected.")
    sums, total = np.zeros((2, len(_FINE) - 1)), 0.0
    for chunk in found.chunks:
        with open_h5(chunk) as file:
            mass, weight = file["events/mass"][:], file["events/gen_weight"][:]
        total += float(weight.sum())
        sums[0] += np.histogram(mass, _FINE, weights=weight)[0]
        sums[1] += np.histogram(mass, _FINE, weights=weight**2)[0]
    if not (total > 0 and sums[0].sum() > 0):
        raise EmptyFileError(
            f"{path}: the weights of '{settings.dataset}' sum to {total:g}; a signal shape needs events "
            "with a positive sum of weights. Simulate more, or loosen represent.selection."
        )
    return Masses(settings.dataset, *sums, total)


def make(
    settings: SignalSettings, masses: Masses | None, window: Window, edges: np.ndarray, energy_scale: float
) -> Signal:
    """The shape of a signal in a window, in the bins of the scan.

    Args:
        settings: which shape; not `window`.
        masses: of `read`.
        window: the signal region.
        edges: (B + 1,) GeV.
        energy_scale: relative shift of the mass at one standard deviation.

    Raises:
        ConfigError: less than 0.1 % of the shape lies in the bins.
    """
    centre = (window.low + window.high) / 2
    if masses is None:
        return signals.gaussian(edges, centre, settings.relative_width * centre, energy_scale)
    return masses.signal(edges, scale(settings, masses, window), energy_scale)


def scale(settings: SignalSettings, masses: Masses, window: Window) -> float:
    """Factor on the masses of a dataset in a window."""
    return (window.low + window.high) / 2 / masses.median if settings.rescale else 1.0


def check_inside(signal: Signal, window: Window, edges: np.ndarray, masses: Masses | None) -> None:
    """Refuse a shape that does not lie in the bins that are fitted.

    Args:
        signal: in the bins that are fitted.
        window: the signal region.
        edges: (n + 1,) edges around these bins, GeV.
        masses: of the dataset, where it is one.

    Raises:
        ConfigError: less than 0.1 % of it does.
    """
    inside = float(signal.nominal.sum())
    if inside < _OUTSIDE:
        shape = "a gaussian" if masses is None else f"'{masses.dataset}' (median {masses.median:g} GeV)"
        raise ConfigError(
            f"infer.signal: {100 * inside:.2g} % of the shape of {shape} lies in {edges[0]:g}-{edges[-1]:g} "
            f"GeV, the bins that are fitted around the window {window.name} GeV. Test a window where the "
            "signal is, or set infer.signal.rescale: true."
        )
