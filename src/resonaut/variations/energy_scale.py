"""Kind `energy_scale`: pt and mass of constituents, and so of jets, times 1 + shift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from resonaut import settings as base
from resonaut.events import Columns, Events
from resonaut.variations import _constituents
from resonaut.variations._constituents import Bins, Which

if TYPE_CHECKING:
    from resonaut.varying import Random

TOUCHES = "represent"
SHIFT_MAX = 0.5
"""Calorimeters of the LHC know their scale to some per cent (arXiv:1607.03663, 2007.02645)."""


class Settings(base.Settings):
    """The energy scale of constituents is off, of all or of those that one detector measures."""

    shift: float | None = Field(
        None, ge=-SHIFT_MAX, le=SHIFT_MAX, description="Relative shift of the energy: 0.05 is 5 % up."
    )
    bins: Bins | None = Field(None, description="Instead: shifts in bins.")
    of: Which = Field("all", description="Constituents that are shifted.")

    @model_validator(mode="after")
    def _within(self) -> Settings:
        if (self.shift is None) == (self.bins is None):
            raise ValueError("one of the keys 'shift' and 'bins' is required")
        if self.bins is not None and max(map(abs, self.bins.values)) > SHIFT_MAX:
            raise ValueError(
                f"bins.values: shifts of at most {SHIFT_MAX:g} are expected, got {list(self.bins.values)}"
            )
        return self


def needs(settings: Settings) -> tuple[tuple[str, ...], ...]:
    """Columns of constituents that are needed."""
    return _constituents.needs(settings.of)


def reach(settings: Settings, pt: float) -> tuple[float, float]:
    """Factors between which the pt of a jet moves."""
    shifts = (settings.shift,) if settings.bins is None else settings.bins.values
    return 1 + min(*shifts, 0.0), 1 + max(*shifts, 0.0)


def shifted(events: Events, settings: Settings, random: Random) -> tuple[Columns, None]:
    """Constituents of another scale; see `resonaut.varying`."""
    chosen = _constituents.mask(settings.of, events)
    factor = np.where(chosen, 1 + _constituents.values_of(settings.shift, settings.bins, events), 1.0)
    return {name: events.constituents[name] * factor for name in ("pt", "mass")}, None
