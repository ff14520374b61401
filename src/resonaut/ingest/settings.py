"""Settings of the ingestion."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from resonaut.ingest.remote import RemoteSettings
from resonaut.selection import Selection
from resonaut.settings import Count, Settings
from resonaut.variations.pileup import Overlay

CLUSTERED_PT_MIN = 200.0
"""GeV; clustering every candidate of an event into a jet helps nobody."""


class JetSettings(Settings):
    """Jets: clustered with FastJet where the file has candidates only, or no collection is named.

    `pt_min` and `n_max` hold for the jets of a collection too.
    """

    algorithm: Literal["antikt", "cambridge_aachen", "kt"] = Field(
        "antikt", description="Jet algorithm (arXiv:0802.1189, hep-ph/9707323, hep-ph/9305266)."
    )
    radius: float = Field(1.0, gt=0, le=3, description="Jet radius R.")
    pt_min: float | None = Field(
        None,
        ge=0,
        description=f"Jets below are dropped, GeV; if absent {CLUSTERED_PT_MIN:.0f} for clustered jets, and "
        "none of a collection.",
    )
    n_max: Count | None = Field(4, ge=1, description="Leading jets kept per event; all if null.")

    def smallest_pt(self, clustered: bool) -> float:
        """pt below which jets are dropped, GeV."""
        if self.pt_min is not None:
            return self.pt_min
        return CLUSTERED_PT_MIN if clustered else 0.0


class IngestSettings(Settings):
    """How files become the event store."""

    jets: JetSettings = JetSettings()
    collection: str | None = Field(
        None,
        description="Jet collection of the file (ParticleFlowJet08, FatJet, ...); if absent the reader's own "
        "(FatJet of NanoAOD), or jets are clustered.",
    )
    constituents: Literal["if_present", "required", "none"] = Field(
        "if_present", description="Whether constituents are stored; 'required' refuses files without them."
    )
    preselection: Selection = Selection(n_jets_min=2)
    on_bad_event: Literal["fail", "reject"] = Field(
        "fail", description="Events with NaN, negative energies, impossible angles: an error, or a count."
    )
    duplicates: Literal["fail", "reject", "keep"] = Field(
        "fail", description="Events whose run, lumi and event numbers were read before."
    )
    step_events: Count = Field(5_000, ge=1, description="Events in memory at a time.")
    remote: RemoteSettings = RemoteSettings()


class IngestTask(Settings):
    """The slice of the configuration that one ingestion uses."""

    dataset: str = Field(description="Name of the dataset.")
    label: str | None = Field(None, description="Truth class; absent for data.")
    reader: str = Field("auto", description="A file of ingest/methods/, or 'auto': found from the file.")
    options: dict[str, Any] = Field(default_factory=dict, description="Settings of the reader.")
    classes: tuple[str, ...] = Field((), description="Truth classes of the file that are kept; all if empty.")
    cross_section: float | None = Field(None, gt=0, description="Cross-section, pb; of the file if absent.")
    luminosity: float | None = Field(None, gt=0, description="Integrated luminosity of data, fb^-1.")
    on_bad_file: Literal["fail", "skip"] = Field("fail", description="A file that cannot be read.")
    verify: Literal["checksum", "size", "none"] = Field(
        "checksum", description="What of a manifest's entries is compared with the files."
    )
    ingest: IngestSettings = IngestSettings()
    pileup: Overlay | None = Field(None, description="Pile-up that is added; absent in `nominal`.")
