"""The masses that are tested in a histogram, and the signal at each."""

from __future__ import annotations

import numpy as np

from resonaut.errors import ConfigError
from resonaut.infer.published_settings import SpectrumSettings
from resonaut.infer.spectrum_shape import Shape, read_shape
from resonaut.stats.signals import Signal, gaussian, histogram

MARGIN = 2.0
"""Signal widths between the ends of the spectrum and the outermost masses that are tested by default."""
SPACING = 0.5
"""Signal widths between masses: up-crossings are missed where they are further apart."""


def masses_of(edges: np.ndarray, given: SpectrumSettings, shape: Shape | None) -> np.ndarray:
    """(n_masses,) GeV, rising: those of the settings, or two per signal width."""
    if given.masses is not None:
        return np.unique(np.asarray(given.masses, float))
    if shape is not None and given.signal_mass is None:
        return np.array([shape.mean])
    inside = 1 + MARGIN * given.relative_width
    low, high = np.log(edges[0] * inside), np.log(edges[-1] / inside)
    if high <= low:
        raise ConfigError(
            f"relative_width: {given.relative_width:g} leaves no mass {MARGIN:g} widths inside "
            f"{edges[0]:g}-{edges[-1]:g} GeV. Give --masses or a narrower signal."
        )
    n_steps = round((high - low) / np.log1p(SPACING * given.relative_width))
    return np.exp(np.linspace(low, high, max(n_steps, 1) + 1))


def signals_of(edges: np.ndarray, given: SpectrumSettings) -> tuple[np.ndarray, list[Signal]]:
    """Masses and templates.

    Raises:
        ConfigError: a signal lies outside of the spectrum.
        InputError: the file of the shape cannot be used.
    """
    shape = None if given.signal_shape is None else read_shape(given.signal_shape)
    masses = masses_of(edges, given, shape)
    scale = given.uncertainties.energy_scale
    if shape is None:
        return masses, [gaussian(edges, mass, given.relative_width * mass, scale) for mass in masses]
    return masses, [
        _of_shape(shape, edges, mass, 1.0 if given.signal_mass is None else mass / given.signal_mass, scale)
        for mass in masses
    ]


def _of_shape(shape: Shape, edges: np.ndarray, mass: float, factor: float, energy_scale: float) -> Signal:
    total = float(shape.content.sum())
    try:
        made = histogram(shape.rebinned(edges, factor), edges, total=total)
    except ConfigError as error:
        raise ConfigError(f"signal_shape at {mass:g} GeV: {error}") from None
    if not energy_scale:
        return Signal(made.nominal)
    up, down = (shape.rebinned(edges, factor * (1 + sign * energy_scale)) / total for sign in (1, -1))
    return Signal(made.nominal, up, down)
