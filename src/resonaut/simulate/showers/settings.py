"""Settings of all simulated showers: the calorimeter, the incident particles, the electronics."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from pydantic import ConfigDict, Field, field_validator, model_validator

from resonaut.errors import nearest
from resonaut.settings import Count
from resonaut.settings import Settings as Section
from resonaut.simulate.settings import SimulatedDataset
from resonaut.simulate.showers.materials import MATERIALS

THETA_MAX = math.radians(30.0)
"""Largest angle of incidence, radian: the parametrised radial profiles are those of the normal."""

PRESETS: dict[str, dict[str, Any]] = {
    # The Geant4 showers of the reference data, and of Getting High (arXiv:2005.05334).
    "si_w": {
        "layers": [
            {
                "count": 20,
                "absorber": "tungsten",
                "absorber_thickness": 2.1,
                "active": "silicon",
                "active_thickness": 0.5,
            },
            {
                "count": 10,
                "absorber": "tungsten",
                "absorber_thickness": 4.2,
                "active": "silicon",
                "active_thickness": 0.5,
            },
        ],
        "rows": 30,
        "columns": 30,
        "cell_size": 5.0,
        "e_over_mip": 0.82,
        "sampling_fluctuation": 0.17,
        "radial_scale": 1.15,
    },
    # Data set 2 of the CaloChallenge (arXiv:2410.21611): 6480 voxels.
    "cylinders": {
        "layers": [
            {
                "count": 45,
                "absorber": "tungsten",
                "absorber_thickness": 1.4,
                "active": "silicon",
                "active_thickness": 0.3,
            }
        ],
        "r_edges": [4.65 * edge for edge in range(10)],
        "n_alpha": 16,
        "e_over_mip": 0.82,
        "sampling_fluctuation": 0.17,
        "radial_scale": 1.15,
    },
    # The size of the technological prototype of the CALICE hadron calorimeter: 4.05 interaction lengths.
    "steel_scintillator": {
        "layers": [
            {
                "count": 38,
                "absorber": "steel",
                "absorber_thickness": 17.2,
                "active": "scintillator",
                "active_thickness": 3.0,
            }
        ],
        "rows": 24,
        "columns": 24,
        "cell_size": 30.0,
        "sampling_fluctuation": 0.22,
    },
}
"""Calorimeters that a name stands for; keys that are given besides replace theirs."""


def _or(*others: dict[str, Any]) -> ConfigDict:
    """The model's schema, with what is accepted besides a mapping."""

    def extend(schema: dict[str, Any]) -> None:
        mapping = dict(schema)
        schema.clear()
        schema["anyOf"] = [mapping, *others]

    return ConfigDict(json_schema_extra=extend)


class LayerGroup(Section):
    """Equal layers: an absorber, and behind it what is read out."""

    count: Count = Field(gt=0, le=1000, description="Number of layers.")
    absorber: str = Field(description=f"One of {', '.join(MATERIALS)}.")
    absorber_thickness: float = Field(gt=0, description="mm.")
    active: str = Field(description=f"One of {', '.join(MATERIALS)}.")
    active_thickness: float = Field(gt=0, description="mm.")

    @field_validator("absorber", "active")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in MATERIALS:
            raise ValueError(f"unknown material. {nearest(value, MATERIALS)}")
        return value


class CalorimeterSettings(Section):
    """A sampling calorimeter; the particle enters at the centre of its front, plus `impact`."""

    model_config = _or({"type": "string", "enum": list(PRESETS)})

    preset: str | None = Field(None, description=f"One of {', '.join(PRESETS)}; the other keys replace its.")
    layers: tuple[LayerGroup, ...] = Field((), description="Groups of layers, from the front.")
    rows: Count | None = Field(None, gt=0, le=1000, description="Cells of a layer along y.")
    columns: Count | None = Field(None, gt=0, le=1000, description="Cells of a layer along x.")
    cell_size: float | None = Field(None, gt=0, description="Of square cells, mm.")
    r_edges: tuple[float, ...] | None = Field(
        None, description="Instead of rows and columns: radii of the cells, mm."
    )
    n_alpha: Count | None = Field(None, gt=0, le=1000, description="Cells in the angle, with `r_edges`.")
    e_over_mip: float | None = Field(
        None,
        gt=0,
        le=2,
        description="Response to electrons over that to minimum ionising particles; of hep-ex/0001020, "
        "1 / (1 + 0.007 (Z_passive - Z_active)), if absent.",
    )
    sampling_fluctuation: float | None = Field(
        None,
        gt=0,
        le=2,
        description="c of the resolution c / sqrt(E / GeV) that sampling gives, in the first layers.",
    )
    radial_scale: float = Field(
        1.0, gt=0, le=5, description="Widths of electromagnetic showers, relative to hep-ex/0001020."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"preset": value}
        if not isinstance(value, dict) or value.get("preset") is None:
            return value
        name = value["preset"]
        if name not in PRESETS:
            raise ValueError(f"preset: unknown calorimeter. {nearest(str(name), PRESETS)}")
        filled = dict(PRESETS[name])
        if value.get("r_edges") is not None:
            filled = {key: item for key, item in filled.items() if key not in _SQUARE}
        elif any(value.get(key) is not None for key in _SQUARE):
            filled = {key: item for key, item in filled.items() if key not in _ROUND}
        return filled | {key: item for key, item in value.items() if item not in (None, (), [])}

    @model_validator(mode="after")
    def _whole(self) -> CalorimeterSettings:
        if not self.layers:
            raise ValueError(f"the key 'layers' or 'preset' ({', '.join(PRESETS)}) is required")
        square = [key for key in _SQUARE if getattr(self, key) is not None]
        round_ = [key for key in _ROUND if getattr(self, key) is not None]
        if (len(square), len(round_)) not in ((3, 0), (0, 2)):
            raise ValueError(
                "rows, columns and cell_size, or r_edges and n_alpha are expected; got "
                f"{', '.join(square + round_) or 'none'}"
            )
        if self.r_edges is not None and (
            len(self.r_edges) < 2 or self.r_edges[0] < 0 or any(a >= b for a, b in pairwise(self.r_edges))
        ):
            raise ValueError("r_edges: at least two rising radii from 0 on are expected")
        if self.sampling_fluctuation is None:
            raise ValueError("the key 'sampling_fluctuation' is required where there is no preset")
        return self


_SQUARE = ("rows", "columns", "cell_size")
_ROUND = ("r_edges", "n_alpha")


class Energies(Section):
    """Incident energies, GeV: a range or a list."""

    model_config = _or({"type": "array", "items": {"type": "number"}}, {"type": "number"})

    low: float | None = Field(None, gt=0, description="GeV.")
    high: float | None = Field(None, gt=0, le=100_000, description="GeV.")
    spacing: str = Field("uniform", description="Of the range: uniform, or log.")
    values: tuple[float, ...] = Field(
        (), description="Instead of a range: drawn with equal probability, GeV."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = [value]
        return {"values": list(value)} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _usable(self) -> Energies:
        if self.spacing not in ("uniform", "log"):
            raise ValueError(f"spacing: {self.spacing!r}. {nearest(self.spacing, ('uniform', 'log'))}")
        if self.values:
            if self.low is not None or self.high is not None:
                raise ValueError("a range (low, high) or a list is expected, not both")
            if min(self.values) <= 0:
                raise ValueError(f"{min(self.values):g} GeV; energies above 0 are expected")
        elif self.low is None or self.high is None:
            raise ValueError("low and high (GeV), or a list of energies is expected")
        elif self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        return self


class Digitisation(Section):
    """The electronics: counts of a converter, calibrated with minimum ionising particles."""

    counts_per_mip: float = Field(20.0, gt=0, description="Counts above the pedestal of one MIP.")
    pedestal: float = Field(200.0, ge=0, description="Counts without a signal.")
    noise: float = Field(0.1, ge=0, description="RMS of a cell, in MIP; in every cell.")
    threshold: float = Field(0.5, gt=0, description="Cells below are not read out, in MIP.")
    bits: Count = Field(16, ge=8, le=24, description="Of the converter; larger signals stop at its end.")


class ShowerDataset(SimulatedDataset):
    """What all sources of showers have in common."""

    energies: Energies = Field(
        description="Incident energies, GeV: {low, high, spacing: uniform | log}, or a list."
    )
    theta: tuple[float, float] = Field(
        (0.0, 0.0), description="Angle to the normal of the front, radian: a range; at most 30 degrees."
    )
    impact: float = Field(
        0.0, ge=0, description="Particles enter within so many cells of the centre; in mm with `r_edges`."
    )
    time_resolution: float | None = Field(
        None, ge=0, description="Hits get a time, ns, smeared by this; no times if absent."
    )
    digitise: Digitisation | None = Field(None, description="Hits pass the electronics; not if absent.")
    minimum_deposit: float = Field(1e-3, ge=0, description="Cells below are dropped, MeV.")
    spots: float = Field(
        1.7, gt=0, le=100, description="Spots of energy, relative to the number of hep-ex/0001020."
    )

    @field_validator("theta")
    @classmethod
    def _allowed(cls, value: tuple[float, float]) -> tuple[float, float]:
        low, high = value
        if not 0 <= low <= high <= THETA_MAX + 1e-4:
            raise ValueError(
                f"theta: [{low:g}, {high:g}] radian; a rising range within 0 and {THETA_MAX:.4f} (30 "
                "degrees) is expected"
            )
        return value
