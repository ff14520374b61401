"""Source `geant4_showers`: particles through Geant4 (doi:10.1016/S0168-9002(03)01368-8), by geant4-pybind.

Needs the package `geant4-pybind` and the official Geant4 data sets, which are not part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from resonaut.simulate.showers.settings import CalorimeterSettings, ShowerDataset

if TYPE_CHECKING:
    from resonaut.simulate.showers.sources import ShowerSource

LEVEL = "showers"
READER = "showers"
SUFFIX = ".h5"


class Settings(ShowerDataset):
    """Showers of Geant4, in a calorimeter of square cells."""

    particle: Literal["photon", "electron", "pion"] = Field("photon", description="photon, electron or pion.")
    calorimeter: CalorimeterSettings = Field(
        CalorimeterSettings.model_validate("si_w"),
        description="A name (si_w, steel_scintillator), or layers and square cells.",
    )
    physics: str = Field(
        "G4EmStandardPhysics",
        pattern=r"^(G4Em\w*|FTFP_BERT\w*|QGSP_\w+)$",
        description="A constructor of electromagnetic physics (G4Em...), or a reference list for hadrons "
        "(FTFP_BERT, QGSP_BERT, ...).",
    )
    production_cut: float = Field(0.1, gt=0, description="Range below which no secondaries are made, mm.")

    @model_validator(mode="after")
    def _possible(self) -> Settings:
        if self.calorimeter.r_edges is not None:
            raise ValueError("calorimeter: Geant4 scores square cells; give rows, columns and cell_size")
        if self.time_resolution is not None:
            raise ValueError("time_resolution: Geant4 showers have no hit times here; leave it out")
        if self.particle == "pion" and self.physics.startswith("G4Em"):
            raise ValueError(f"physics: {self.physics} has no hadrons; take FTFP_BERT for pions")
        return self


def build(settings: Settings) -> ShowerSource:
    """The source of these settings.

    Raises:
        ConfigError: `geant4-pybind` is not installed.
        MissingFileError: the Geant4 data sets are not found.
    """
    from resonaut.simulate.showers.geant4 import Geant4Source

    return Geant4Source(settings)
