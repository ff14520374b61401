"""Weights of training events that take the mass out of what can be learnt."""

from __future__ import annotations

import numpy as np

from resonaut.scan import Window


def planing(mass: np.ndarray, region: np.ndarray, window: Window, n_bins: int) -> np.ndarray:
    """Weights that make the mass distribution flat inside the signal region and inside the side bands.

    Each event's weight is one over the density of its region at its mass (planing, arXiv:1709.10106, equation
    2; arXiv:1908.08959, section 3.1), from a histogram of bins of equal width: `n_bins` in the signal region,
    and as many over each side band. A lower and an upper side band then have the same weight per GeV, so a
    feature that rises or falls with the mass no longer tells the signal region from the side bands' mean.

    Args:
        mass: (n,) GeV, of training events.
        region: (n,) 1 signal region, 0 side band, -1 neither.
        window: the signal region.
        n_bins: bins of each part of the spectrum.

    Returns:
        (n,) float64; 0 where an event is in neither region, else with mean 1 in the signal region and in the
        side bands.
    """
    weight = np.zeros(len(mass))
    inside, below = region == 1, mass < window.low
    for part in (inside, (region == 0) & below, (region == 0) & ~below):
        if not part.any():
            continue
        edges = np.linspace(mass[part].min(), mass[part].max(), n_bins + 1)
        place = np.clip(np.searchsorted(edges, mass[part], side="right") - 1, 0, n_bins - 1)
        width = edges[1] - edges[0] if edges[-1] > edges[0] else 1.0
        weight[part] = width / np.bincount(place, minlength=n_bins)[place]
    for part in (inside, region == 0):
        if part.any():
            weight[part] /= weight[part].mean()
    return weight
