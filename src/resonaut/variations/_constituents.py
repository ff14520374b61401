"""Which constituents a variation changes, and by how much in which bin."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from resonaut import ragged
from resonaut.events import PDG_CLASSES, Events
from resonaut.settings import Settings

Which = Literal["all", "charged", "neutral", "photons", "neutral_hadrons"]
_CHARGED_CLASSES = [PDG_CLASSES.index(name) for name in ("charged_hadron", "electron", "muon")]
_CLASS_OF = {"photons": "photon", "neutral_hadrons": "neutral_hadron"}


class Bins(Settings):
    """A value for each bin of a quantity; the first and the last bin are open."""

    variable: Literal["pt", "abs_eta", "jet_pt", "jet_abs_eta"] = Field(
        description="Of the constituent, or of its jet, nominal; pt in GeV."
    )
    edges: tuple[float, ...] = Field(
        min_length=1, description="Edges between the bins, ascending, in the variable's unit."
    )
    values: tuple[float, ...] = Field(min_length=2, description="Value of each bin, one more than edges.")

    @model_validator(mode="after")
    def _fit(self) -> Bins:
        if len(self.values) != len(self.edges) + 1:
            raise ValueError(
                f"values: {len(self.edges) + 1} are expected for {len(self.edges)} edges, got "
                f"{len(self.values)}; the first and the last bin are open"
            )
        if any(low >= high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError(f"edges: ascending numbers are expected, got {list(self.edges)}")
        return self

    def of(self, events: Events) -> np.ndarray:
        """(n_constituents,) value of the bin that each constituent is in."""
        name = self.variable.removeprefix("jet_").removeprefix("abs_")
        if self.variable.startswith("jet_"):
            quantity = events.jets[name][ragged.row_of(events.jet_offsets)]
        else:
            quantity = events.constituents[name]
        if name == "eta":
            quantity = np.abs(quantity)
        return np.array(self.values)[np.searchsorted(self.edges, quantity, side="right")]


def values_of(value: float | None, bins: Bins | None, events: Events) -> np.ndarray:
    """(n_constituents,) value of each constituent, from one number or from bins."""
    if bins is not None:
        return bins.of(events)
    return np.full(events.jet_offsets[-1], float(value or 0.0))


def needs(which: Which) -> tuple[tuple[str, ...], ...]:
    """Columns of constituents that tell which are meant: of each group one at least."""
    if which == "all":
        return ()
    return (("pdg_class",),) if which in _CLASS_OF else (("charge", "pdg_class"),)


def mask(which: Which, events: Events) -> np.ndarray:
    """(n_constituents,) of those that are meant; the columns of `needs` must be there."""
    columns = events.constituents
    if which == "all":
        return np.ones(events.jet_offsets[-1], bool)
    if which in _CLASS_OF:
        return columns["pdg_class"] == PDG_CLASSES.index(_CLASS_OF[which])
    if "charge" in columns:
        charged = columns["charge"] != 0
    else:
        charged = np.isin(columns["pdg_class"], _CHARGED_CLASSES)
    return charged if which == "charged" else ~charged
