"""Event selection, used loosely by `ingest` and exactly by `represent`."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from resonaut import ragged
from resonaut.events import Columns
from resonaut.kinematics import leading_pair_mass
from resonaut.settings import Count, Settings


class Selection(Settings):
    """Cuts on jets and on the resonant mass. Energies in GeV."""

    jet_pt_min: float = Field(0.0, ge=0, description="Jets below are not counted, GeV.")
    jet_eta_max: float = Field(10.0, gt=0, description="Jets beyond in |eta| are not counted.")
    n_jets_min: Count = Field(0, ge=0, description="Fewest jets that pass the two cuts above.")
    leading_jet_pt_min: float = Field(0.0, ge=0, description="pt of the leading jet, GeV.")
    leading_jet_pt_max: float | None = Field(
        None, gt=0, description="pt of the leading jet, GeV; no upper cut if absent."
    )
    mass_min: float = Field(0.0, ge=0, description="Resonant mass, GeV.")
    mass_max: float | None = Field(None, gt=0, description="Resonant mass, GeV; no upper cut if absent.")

    @model_validator(mode="after")
    def _ordered(self) -> Selection:
        for name in ("leading_jet_pt", "mass"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if high is not None and high <= low:
                raise ValueError(f"{name}_max ({high}) must exceed {name}_min ({low})")
        return self

    def good_jets(self, pt: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """(n_jets,) mask of the jets that are counted, from their pt (GeV) and eta."""
        return (pt >= self.jet_pt_min) & (np.abs(eta) <= self.jet_eta_max)

    def mass(self, jets: Columns, event_offsets: np.ndarray) -> np.ndarray:
        """(n_events,) m_jj of the two leading jets that are counted, GeV.

        Args:
            jets: pt, eta, phi, mass of shape (n_jets,), sorted by pt inside an event.
            event_offsets: (n_events + 1,).
        """
        good = self.good_jets(jets["pt"], jets["eta"])
        kinematics = (jets[name][good] for name in ("pt", "eta", "phi", "mass"))
        return leading_pair_mass(*kinematics, ragged.keep(event_offsets, good))

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
        good = self.good_jets(pt, eta)
        event_of_jet = ragged.row_of(event_offsets)
        n_good = np.bincount(event_of_jet[good], minlength=n_events)
        leading = np.zeros(n_events)
        np.maximum.at(leading, event_of_jet[good], pt[good])
        cuts = {
            "n_jets": n_good >= self.n_jets_min,
            "leading_jet_pt": _within(leading, self.leading_jet_pt_min, self.leading_jet_pt_max),
            "mass": self._in_mass(mass),
        }
        keep = np.ones(n_events, bool)
        flow = {"read": n_events}
        for name, passes in cuts.items():
            keep &= passes
            flow[name] = int(keep.sum())
        return keep, flow

    def apply_mass(self, mass: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
        """Select rows of a table, that have a mass and no jets; returns as `apply`."""
        keep = self._in_mass(mass)
        return keep, {"read": len(mass), "mass": int(keep.sum())}

    def _in_mass(self, mass: np.ndarray) -> np.ndarray:
        return _within(mass, self.mass_min, self.mass_max)


def _within(values: np.ndarray, low: float, high: float | None) -> np.ndarray:
    """Mask of low <= values < high."""
    return (values >= low) & (values < (np.inf if high is None else high))
