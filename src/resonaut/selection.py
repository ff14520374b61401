"""Event selection, used loosely by `ingest` and exactly by `represent`."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from resonaut.settings import Count, Settings


class Selection(Settings):
    """Cuts on jets and on the resonant mass. Energies in GeV."""

    jet_pt_min: float = Field(0.0, ge=0, description="Jets below are not counted, GeV.")
    jet_eta_max: float = Field(10.0, gt=0, description="Jets beyond in |eta| are not counted.")
    n_jets_min: Count = Field(0, ge=0, description="Fewest jets that pass the two cuts above.")
    leading_jet_pt_min: float = Field(0.0, ge=0, description="pt of the leading jet, GeV.")
    mass_min: float = Field(0.0, ge=0, description="Resonant mass, GeV.")
    mass_max: float | None = Field(None, gt=0, description="Resonant mass, GeV; no upper cut if absent.")

    @model_validator(mode="after")
    def _ordered(self) -> Selection:
        if self.mass_max is not None and self.mass_max <= self.mass_min:
            raise ValueError(f"mass_max ({self.mass_max}) must exceed mass_min ({self.mass_min})")
        return self

    def apply(
        self, pt: np.ndarray, eta: np.ndarray, event_offsets: np.ndarray, mass: np.ndarray
    ) -> tuple[np.ndarray, dict[str, int]]:
        """Select events.

        Args:
            pt, eta: (n_jets,) jets, sorted by pt inside an event.
            event_offsets: (n_events + 1,).
            mass: (n_events,) resonant mass, GeV.

        Returns:
            (n_events,) boolean mask, and the cut flow: events left after each cut, in order.
        """
        n_events = len(event_offsets) - 1
        good = (pt >= self.jet_pt_min) & (np.abs(eta) <= self.jet_eta_max)
        event_of_jet = np.repeat(np.arange(n_events), np.diff(event_offsets))
        n_good = np.bincount(event_of_jet[good], minlength=n_events)
        leading = np.zeros(n_events)
        np.maximum.at(leading, event_of_jet[good], pt[good])
        cuts = {
            "n_jets": n_good >= self.n_jets_min,
            "leading_jet_pt": leading >= self.leading_jet_pt_min,
            "mass": (mass >= self.mass_min) & (mass < (np.inf if self.mass_max is None else self.mass_max)),
        }
        keep = np.ones(n_events, bool)
        flow = {"read": n_events}
        for name, passes in cuts.items():
            keep &= passes
            flow[name] = int(keep.sum())
        return keep, flow
