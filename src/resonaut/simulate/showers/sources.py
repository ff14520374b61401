"""What makes hits of conditions: one class per kind of shower, of one interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from resonaut.simulate.showers import electromagnetic, hadronic
from resonaut.simulate.showers.conditions import Conditions
from resonaut.simulate.showers.geometry import Calorimeter
from resonaut.simulate.showers.spots import Hits, place

if TYPE_CHECKING:
    from resonaut.simulate.methods import em_showers, hadronic_showers


class ShowerSource(Protocol):
    """A source of showers.

    Attributes:
        calorimeter: that the particles enter.
        packages: whose versions matter for the numbers.
    """

    calorimeter: Calorimeter
    packages: tuple[str, ...]

    def generate(
        self, conditions: Conditions, rng: np.random.Generator
    ) -> tuple[Hits, dict[str, np.ndarray]]:
        """Hits of a slice of n particles, and what is known of each shower besides, (n,) each."""
        ...


class ElectromagneticSource:
    """Photons and electrons, hep-ex/0001020."""

    packages = ("numpy", "scipy")

    def __init__(self, settings: em_showers.Settings) -> None:
        self.settings = settings
        self.calorimeter = Calorimeter(settings.calorimeter)

    def generate(
        self, conditions: Conditions, rng: np.random.Generator
    ) -> tuple[Hits, dict[str, np.ndarray]]:
        """Hits of a slice of particles; nothing else is known of them."""
        settings = self.settings
        spots = electromagnetic.develop(conditions, settings.particle, self.calorimeter, settings.spots, rng)
        return place(spots, conditions, self.calorimeter, rng), {}


class HadronicSource:
    """Charged pions, and electrons in the same calorimeter."""

    packages = ("numpy", "scipy")

    def __init__(self, settings: hadronic_showers.Settings) -> None:
        self.settings = settings
        self.calorimeter = Calorimeter(settings.calorimeter)

    def generate(
        self, conditions: Conditions, rng: np.random.Generator
    ) -> tuple[Hits, dict[str, np.ndarray]]:
        """Hits of a slice of particles; of pions `start` and `em_fraction` (see `hadronic.develop`)."""
        settings = self.settings
        if settings.particle != "pion":
            spots = electromagnetic.develop(
                conditions, settings.particle, self.calorimeter, settings.spots, rng
            )
            return place(spots, conditions, self.calorimeter, rng), {}
        response = hadronic.Response(settings.h_over_e, settings.hadronic_fluctuation)
        spots, truth = hadronic.develop(conditions, self.calorimeter, response, settings.spots, rng)
        return place(spots, conditions, self.calorimeter, rng), truth
