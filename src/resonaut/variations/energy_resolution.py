"""Kind `energy_resolution`: energies are smeared until their resolution is `factor` times the nominal one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from resonaut import ragged
from resonaut import settings as base
from resonaut.events import Columns, Events
from resonaut.variations import _constituents
from resonaut.variations._constituents import Which

if TYPE_CHECKING:
    from resonaut.varying import Random

TOUCHES = "represent"
_LEAST = 0.05
"""Factor below which no energy is smeared: none becomes negative."""
_TAIL = 3.0
"""Standard deviations of the smearing within which events reach a cut."""


class Settings(base.Settings):
    """Gaussian smearing by sqrt(factor^2 - 1) sigma (the stochastic method of arXiv:1607.03663, section 8).

    The nominal resolution is sigma / pt = sqrt((noise / pt)^2 + stochastic^2 / pt + constant^2).
    """

    factor: float = Field(1.1, ge=1, le=3, description="Resolution over the nominal one; smearing only adds.")
    noise: float = Field(0.0, ge=0, le=100, description="Noise term N, GeV.")
    stochastic: float = Field(0.8, ge=0, le=5, description="Stochastic term S in S / sqrt(pt), sqrt(GeV).")
    constant: float = Field(0.04, ge=0, le=1, description="Constant term C.")
    smear: Literal["jets", "constituents"] = Field(
        "jets", description="All constituents of a jet by one factor, or each by its own, of its own pt."
    )
    of: Which = Field("all", description="Constituents that are smeared.")


def relative_width(settings: Settings, pt: np.ndarray) -> np.ndarray:
    """Standard deviation of the factor that an energy is smeared by, for pt in GeV."""
    pt = np.maximum(pt, 1e-3)
    sigma = np.sqrt((settings.noise / pt) ** 2 + settings.stochastic**2 / pt + settings.constant**2)
    return math.sqrt(max(settings.factor**2 - 1, 0.0)) * sigma


def needs(settings: Settings) -> tuple[tuple[str, ...], ...]:
    """Columns of constituents that are needed."""
    return _constituents.needs(settings.of)


def reach(settings: Settings, pt: float) -> tuple[float, float]:
    """Factors between which the pt of a jet moves, within three standard deviations."""
    width = _TAIL * float(relative_width(settings, np.array(pt)))
    return max(_LEAST, 1 - width), 1 + width


def shifted(events: Events, settings: Settings, random: Random) -> tuple[Columns, None]:
    """Constituents of another resolution; see `resonaut.varying`."""
    if settings.smear == "jets":
        jet_of = ragged.row_of(events.jet_offsets)
        normal = random.normal("energy", "jets")[jet_of]
        pt = events.jets["pt"][jet_of]
    else:
        normal = random.normal("energy")
        pt = events.constituents["pt"]
    factor = np.maximum(1 + relative_width(settings, pt.astype(np.float64)) * normal, _LEAST)
    factor = np.where(_constituents.mask(settings.of, events), factor, 1.0)
    return {name: events.constituents[name] * factor for name in ("pt", "mass")}, None
