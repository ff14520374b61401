"""Source `em_showers`: photons and electrons in any sampling calorimeter, parametrised (hep-ex/0001020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from resonaut.simulate.showers.settings import CalorimeterSettings, ShowerDataset

if TYPE_CHECKING:
    from resonaut.simulate.showers.sources import ShowerSource

LEVEL = "showers"
READER = "showers"
SUFFIX = ".h5"


class Settings(ShowerDataset):
    """Electromagnetic showers."""

    particle: Literal["photon", "electron"] = Field("photon", description="photon or electron.")
    calorimeter: CalorimeterSettings = Field(
        CalorimeterSettings.model_validate("si_w"),
        description="A name (si_w, cylinders, steel_scintillator), or layers and cells.",
    )


def build(settings: Settings) -> ShowerSource:
    """The source of these settings."""
    from resonaut.simulate.showers.sources import ElectromagneticSource

    return ElectromagneticSource(settings)
