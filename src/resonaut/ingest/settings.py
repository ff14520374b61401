"""Settings of the ingestion."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from resonaut.selection import Selection
from resonaut.settings import Count, Settings


class JetSettings(Settings):
    """Jets that are clustered with FastJet where the file has none."""

    algorithm: Literal["antikt", "cambridge_aachen", "kt"] = "antikt"
    radius: float = Field(1.0, gt=0, le=3, description="Jet radius R.")
    pt_min: float = Field(200.0, gt=0, description="Jets below are dropped, GeV.")
    n_max: Count = Field(4, ge=1, description="Leading jets kept per event.")


class IngestSettings(Settings):
    """How files become the event store."""

    jets: JetSettings = JetSettings()
    collection: str | None = Field(
        None, description="Jet collection of the file (ParticleFlowJet08, ...); clustered if absent."
    )
    preselection: Selection = Selection(n_jets_min=2)
    step_events: Count = Field(5_000, ge=1, description="Events in memory at a time.")
