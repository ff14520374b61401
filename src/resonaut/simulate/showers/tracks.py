"""Minimum ionising particles: what one leaves in a plate, and the unit MIP that hits are calibrated in.

Deposits follow the distribution of Moyal (Phil. Mag. 46 (1955) 263), an approximation to that of Landau: with
z a standard Gaussian, -ln z^2 is its standard form, of mode 0 and mean gamma + ln 2.
"""

from __future__ import annotations

import numpy as np

from resonaut.simulate.showers.geometry import Calorimeter

WIDTH = 0.09
"""Width of the distribution over its mode: a choice, between thin silicon and 3 mm of scintillator."""
_MEAN = np.euler_gamma + np.log(2.0)
_LEAST = 0.5
"""No deposit is below this share of the mode (6.5 standard deviations of z)."""


def mip_unit(calorimeter: Calorimeter) -> np.ndarray:
    """Most probable deposit of a minimum ionising particle at normal incidence, (n_layers,) MeV.

    The mean of the distribution is that of the material's minimum loss.
    """
    return calorimeter.mip / (1 + _MEAN * WIDTH)


def deposits(
    layer: np.ndarray, stretch: np.ndarray, calorimeter: Calorimeter, rng: np.random.Generator
) -> np.ndarray:
    """Visible energy of tracks in layers, (n,) MeV.

    Args:
        layer: (n,) layers that are passed.
        stretch: (n,) path per thickness, 1 / cos(theta).
        calorimeter: with the plates.
        rng: random numbers.
    """
    z = rng.standard_normal(len(layer))
    return mip_unit(calorimeter)[layer] * stretch * np.maximum(1 - WIDTH * np.log(z**2), _LEAST)
