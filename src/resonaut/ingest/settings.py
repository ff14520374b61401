"""Settings of the ingestion."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from resonaut.selection import Selection
from resonaut.settings import Count, Settings


class JetSettings(Settings):
    """Jets: clustered with FastJet where no collection of the file is named.

    `pt_min` and `n_max` hold for the jets of a collection too.
    """

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


class IngestTask(Settings):
    """The slice of the configuration that one ingestion uses."""

    dataset: str = Field(description="Name of the dataset.")
    label: str | None = Field(None, description="Truth class; absent for data.")
    reader: str = Field("auto", description="A file of ingest/methods/, or 'auto': found from the file.")
    cross_section: float | None = Field(None, gt=0, description="Cross-section, pb; of the file if absent.")
    ingest: IngestSettings = IngestSettings()
