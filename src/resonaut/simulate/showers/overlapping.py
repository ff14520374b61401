"""Two showers in one calorimeter: hits of both, added cell by cell, and what each of the two is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from resonaut.settings import validate
from resonaut.simulate.methods import em_showers, hadronic_showers
from resonaut.simulate.showers.conditions import Conditions
from resonaut.simulate.showers.geometry import Calorimeter
from resonaut.simulate.showers.settings import ShowerDataset
from resonaut.simulate.showers.sources import ElectromagneticSource, HadronicSource, ShowerSource
from resonaut.simulate.showers.spots import Hits

if TYPE_CHECKING:
    from resonaut.simulate.methods import overlapping_showers


class OverlappingSource:
    """Pairs of showers (see `simulate/methods/overlapping_showers.py`).

    Attributes:
        handed_on: what is known of each pair and is read as columns of events: `energy_first` and
            `energy_second` (GeV), `share` of the first, `distance` (cells), and the impacts `first_row`, ...
            in cells from the centre.
    """

    packages = ("numpy", "scipy")
    handed_on = (
        *("energy_first", "energy_second", "share", "distance"),
        *("first_row", "first_column", "second_row", "second_column"),
    )

    def __init__(self, settings: overlapping_showers.Settings) -> None:
        self.settings = settings
        self.calorimeter = Calorimeter(settings.calorimeter)
        self.sources = [_source(particle, settings) for particle in settings.particles]

    def generate(
        self, conditions: Conditions, rng: np.random.Generator
    ) -> tuple[Hits, dict[str, np.ndarray]]:
        """Hits of a slice of pairs, and what is known of them.

        The impact of the conditions is the energy-weighted mean of the two: where the centre of gravity is
        says nothing of whether there are two.
        """
        n_pairs = len(conditions)
        share = rng.uniform(*self.settings.share, n_pairs)
        distance = rng.uniform(*self.settings.distance, n_pairs)
        angle = rng.uniform(-np.pi, np.pi, n_pairs)
        truth = {"share": share, "distance": distance}
        parts = []
        for name, source, part, sign in zip(
            ("first", "second"), self.sources, (share, 1 - share), (-1, 1), strict=True
        ):
            away = sign * (1 - part) * distance
            own = Conditions(
                conditions.energy * part,
                conditions.theta,
                conditions.phi,
                conditions.impact_row + away * np.sin(angle),
                conditions.impact_column + away * np.cos(angle),
            )
            truth |= {f"energy_{name}": own.energy}
            truth |= {f"{name}_row": own.impact_row, f"{name}_column": own.impact_column}
            parts.append(source.generate(own, rng)[0])
        return added(parts, self.calorimeter.n_cells), truth


def added(parts: list[Hits], n_cells: int) -> Hits:
    """Hits of several showers in the same cells: energies are added, times weighted with them."""
    at = np.concatenate([part.owner.astype(np.int64) * n_cells + part.cell for part in parts])
    deposit = np.concatenate([part.deposit for part in parts]).astype(np.float64)
    time = np.concatenate([part.time for part in parts])
    filled, place = np.unique(at, return_inverse=True)
    total = np.bincount(place, deposit, len(filled))
    weighted = np.bincount(place, deposit * time, len(filled))
    mean = np.divide(weighted, total, out=np.zeros(len(filled)), where=total > 0)
    return Hits(parts[0].n_showers, *np.divmod(filled, n_cells), total, mean)


def _source(particle: str, settings: overlapping_showers.Settings) -> ShowerSource:
    """The source of one of the showers."""
    shared = settings.model_dump(include=set(ShowerDataset.model_fields) | {"calorimeter"}, mode="json")
    given = {**shared, "particle": particle}
    if particle != "pion":
        return ElectromagneticSource(validate(em_showers.Settings, given))
    # Spots of pions are relative to another number.
    given.pop("spots")
    return HadronicSource(validate(hadronic_showers.Settings, given))
