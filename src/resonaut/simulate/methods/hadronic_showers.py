"""Source `hadronic_showers`: charged pions, electrons and photons in a hadron calorimeter, parametrised."""

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
    """Hadronic showers, and electromagnetic ones beside them."""

    particle: Literal["pion", "electron", "photon"] = Field("pion", description="pion, electron or photon.")
    calorimeter: CalorimeterSettings = Field(
        CalorimeterSettings.model_validate("steel_scintillator"),
        description="A name (steel_scintillator, si_w, cylinders), or layers and cells.",
    )
    spots: float = Field(
        1.0,
        gt=0,
        le=100,
        description="Spots of energy: of pions per energy of a MIP; of electrons and photons relative to the "
        "number of hep-ex/0001020.",
    )
    h_over_e: float = Field(
        0.8, gt=0, le=2, description="Response to the hadronic part of pions over that to electrons."
    )
    hadronic_fluctuation: float = Field(
        0.8, gt=0, le=5, description="c of c / sqrt(E / GeV): resolution of the hadronic part alone."
    )


def build(settings: Settings) -> ShowerSource:
    """The source of these settings."""
    from resonaut.simulate.showers.sources import HadronicSource

    return HadronicSource(settings)
