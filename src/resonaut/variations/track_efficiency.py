"""Kind `track_efficiency`: charged constituents are lost, more of them in the dense core of a jet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from resonaut import ragged
from resonaut import settings as base
from resonaut.events import PDG_CLASSES, UNMEASURED, Columns, Events
from resonaut.kinematics import delta_phi
from resonaut.variations import _constituents
from resonaut.variations._constituents import Bins

if TYPE_CHECKING:
    from resonaut.varying import Random

TOUCHES = "represent"


class Settings(base.Settings):
    """Charged constituents are lost at random, each by itself."""

    loss: float = Field(0.0, ge=0, lt=1, description="Probability to lose a charged constituent.")
    bins: Bins | None = Field(None, description="Instead: probabilities in bins.")
    core_radius: float = Field(0.05, gt=0, le=1, description="R around the jet's axis that is its core.")
    core_loss: float = Field(
        0.0, ge=0, lt=1, description="Probability to lose one in the core, besides; tracks merge there."
    )
    calorimeter: bool = Field(
        False, description="The calorimeter still sees what was lost: it becomes a neutral hadron."
    )

    @model_validator(mode="after")
    def _within(self) -> Settings:
        if self.loss and self.bins is not None:
            raise ValueError("one of the keys 'loss' and 'bins' is expected, not both")
        if self.bins is not None and not all(0 <= value < 1 for value in self.bins.values):
            raise ValueError(
                f"bins.values: probabilities from 0 to below 1 are expected, got {list(self.bins.values)}"
            )
        if not self.largest:
            raise ValueError("loss, bins or core_loss: one of them must be above 0")
        return self

    @property
    def largest(self) -> float:
        """Largest probability."""
        return max(self.loss, self.core_loss, *(self.bins.values if self.bins else ()))


def needs(settings: Settings) -> tuple[tuple[str, ...], ...]:
    """Columns of constituents that are needed."""
    return _constituents.needs("charged")


def reach(settings: Settings, pt: float) -> tuple[float, float]:
    """Factors between which the pt of a jet moves: what is lost on average, were all of it charged."""
    if settings.calorimeter:
        return 1.0, 1.0
    return 1 - settings.largest, 1.0


def shifted(events: Events, settings: Settings, random: Random) -> tuple[Columns, np.ndarray | None]:
    """Constituents without the lost tracks; see `resonaut.varying`."""
    columns = events.constituents
    stays = 1 - _constituents.values_of(settings.loss, settings.bins, events)
    if settings.core_loss:
        jet_of = ragged.row_of(events.jet_offsets)
        d_eta = columns["eta"] - events.jets["eta"][jet_of]
        d_phi = delta_phi(columns["phi"], events.jets["phi"][jet_of])
        in_core = np.hypot(d_eta, d_phi) < settings.core_radius
        stays = stays * np.where(in_core, 1 - settings.core_loss, 1.0)
    lost = _constituents.mask("charged", events) & (random.uniform("track") >= stays)
    if not settings.calorimeter:
        return {}, ~lost
    neutral = {"charge": 0, "pdg_class": PDG_CLASSES.index("neutral_hadron")}
    neutral |= dict.fromkeys(UNMEASURED, np.nan)
    return {name: np.where(lost, v, columns[name]) for name, v in neutral.items() if name in columns}, None
