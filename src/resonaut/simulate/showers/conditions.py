"""What particles enter a calorimeter: energy, direction and place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.simulate.showers.settings import ShowerDataset


@dataclass(frozen=True)
class Conditions:
    """Incident particles.

    Attributes:
        energy: (n,) GeV.
        theta, phi: (n,) radian: angle to the normal, and of the direction around it, from x (columns) to y
        (rows). impact_row, impact_column: (n,) where the front is hit, in units of cells from its centre (mm
        in a
            cylindrical geometry).
    """

    energy: np.ndarray
    theta: np.ndarray
    phi: np.ndarray
    impact_row: np.ndarray
    impact_column: np.ndarray

    def __len__(self) -> int:
        return len(self.energy)

    def rows(self, start: int, stop: int) -> Conditions:
        """Some of the particles."""
        return Conditions(*(values[start:stop] for values in self.columns().values()))

    def columns(self) -> dict[str, np.ndarray]:
        """All of it by name."""
        return {
            "energy": self.energy,
            "theta": self.theta,
            "phi": self.phi,
            "impact_row": self.impact_row,
            "impact_column": self.impact_column,
        }

    @property
    def stretch(self) -> np.ndarray:
        """Path per depth, 1 / cos(theta), (n,)."""
        return 1.0 / np.cos(self.theta)


def draw(settings: ShowerDataset, n_showers: int, rng: np.random.Generator) -> Conditions:
    """Draw independent particles.

    Directions are uniform in theta over its range, so that each angle is as well known as any other.
    """
    energies = settings.energies
    if energies.values:
        energy = rng.choice(np.asarray(energies.values, float), n_showers)
    elif energies.spacing == "log":
        energy = np.exp(rng.uniform(np.log(energies.low), np.log(energies.high), n_showers))
    else:
        energy = rng.uniform(energies.low, energies.high, n_showers)
    return Conditions(
        energy,
        rng.uniform(*settings.theta, n_showers),
        rng.uniform(-np.pi, np.pi, n_showers),
        rng.uniform(-settings.impact, settings.impact, n_showers),
        rng.uniform(-settings.impact, settings.impact, n_showers),
    )
