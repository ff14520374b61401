"""Source `overlapping_showers`: two showers that overlap in one calorimeter, to be separated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from resonaut.simulate.showers.settings import CalorimeterSettings, ShowerDataset

if TYPE_CHECKING:
    from resonaut.simulate.showers.sources import ShowerSource

LEVEL = "showers"
READER = "showers"
SUFFIX = ".h5"
Particle = Literal["photon", "electron", "pion"]


class Settings(ShowerDataset):
    """Pairs of showers, whose energies add up to `energies`: single showers have the same spectrum."""

    particles: tuple[Particle, Particle] = Field(
        ("photon", "photon"), description="Of the shower of more energy, and of the other."
    )
    calorimeter: CalorimeterSettings = Field(
        CalorimeterSettings.model_validate("si_w"),
        description="A name (si_w, steel_scintillator), or layers and square cells.",
    )
    share: tuple[float, float] = Field(
        (0.5, 0.9), description="Share of the energy that the first shower has: a range, uniform."
    )
    distance: tuple[float, float] = Field(
        (1.0, 6.0), description="Between the two axes, in cells: a range, uniform."
    )

    @field_validator("share")
    @classmethod
    def _first_has_more(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0.5 <= value[0] <= value[1] < 1:
            raise ValueError(f"{list(value)}: a rising range from 0.5 to below 1 is expected")
        return value

    @field_validator("distance")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] <= value[1]:
            raise ValueError(f"{list(value)}: a rising range from 0 on is expected")
        return value

    @field_validator("calorimeter")
    @classmethod
    def _square(cls, value: CalorimeterSettings) -> CalorimeterSettings:
        if value.r_edges is not None:
            raise ValueError("pairs are displaced in square cells; give rows, columns and cell_size")
        return value


def build(settings: Settings) -> ShowerSource:
    """The source of these settings."""
    from resonaut.simulate.showers.overlapping import OverlappingSource

    return OverlappingSource(settings)
