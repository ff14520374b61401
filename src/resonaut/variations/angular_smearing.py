"""Kind `angular_smearing`: directions of constituents are smeared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from resonaut import settings as base
from resonaut.events import Columns, Events
from resonaut.kinematics import delta_phi
from resonaut.variations import _constituents
from resonaut.variations._constituents import Which

if TYPE_CHECKING:
    from resonaut.varying import Random

TOUCHES = "represent"
SIGMA_MAX = 0.1
"""Radian: a cell of the hadronic calorimeters (0.087 of CMS, 0.1 of ATLAS; JINST 3 (2008) S08003, S08004)."""


class Settings(base.Settings):
    """Gaussian smearing of eta and phi; energies stay, transverse momenta follow the new direction."""

    eta: float = Field(0.0, ge=0, le=SIGMA_MAX, description="Standard deviation of eta.")
    phi: float = Field(0.0, ge=0, le=SIGMA_MAX, description="Standard deviation of phi, radian.")
    of: Which = Field("all", description="Constituents that are smeared.")

    @model_validator(mode="after")
    def _something(self) -> Settings:
        if not (self.eta or self.phi):
            raise ValueError("eta or phi: one of them must be above 0")
        return self


def needs(settings: Settings) -> tuple[tuple[str, ...], ...]:
    """Columns of constituents that are needed."""
    return _constituents.needs(settings.of)


def reach(settings: Settings, pt: float) -> tuple[float, float]:
    """Factors between which the pt of a jet moves: the mean shift is of second order."""
    return 1.0, 1.0


def shifted(events: Events, settings: Settings, random: Random) -> tuple[Columns, None]:
    """Constituents in other directions; see `resonaut.varying`."""
    columns = {name: events.constituents[name].astype(np.float64) for name in ("pt", "eta", "phi")}
    chosen = _constituents.mask(settings.of, events)
    eta = columns["eta"] + settings.eta * random.normal("eta") * chosen
    turned = delta_phi(columns["phi"] + settings.phi * random.normal("phi"), 0.0)
    phi = np.where(chosen & (settings.phi > 0), turned, columns["phi"])
    # The momentum p = pt cosh(eta), as the energy, is what a calorimeter measures.
    pt = columns["pt"] * np.cosh(columns["eta"]) / np.cosh(eta)
    return {"pt": pt, "eta": eta, "phi": phi}, None
