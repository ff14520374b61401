"""Reader of CMS PFNano: NanoAOD with the candidates of its jets (github.com/cms-jet/PFNano)."""

from __future__ import annotations

from pydantic import Field

from resonaut.ingest.contents import Contents
from resonaut.ingest.nano_reader import NanoReader, NanoSettings, check_weights, is_nano
from resonaut.ingest.nanoevents import Links

KINDS = ("root",)
LEVEL = "jets"
NUMBERED = True
LINKS = Links("PFCands", "pFCandsIdx", "PFCands")


class Settings(NanoSettings):
    """Weights, discriminators, and what becomes of PUPPI."""

    puppi: bool | None = Field(
        None,
        description="Apply the candidates' PUPPI weights to their pt and mass; if absent, unless the file "
        "says that its jets are CHS. Not applied, they are the column puppi_weight.",
    )


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return is_nano(contents) and any(
        contents.has("Events", "PFCands_pt", f"{LINKS.table(jets)}_{LINKS.index}")
        for jets in ("FatJet", "Jet")
    )


def check_file(contents: Contents, settings: Settings) -> None:
    """Compare the branches of weights with a file."""
    check_weights(contents, settings)


def why_no_constituents(path: str) -> str:
    """What a file without candidates of a collection lacks, and what to use instead."""
    return (
        "This PFNano file links no candidates to these jets. Name a collection that has them in "
        "'ingest.collection': FatJet, or Jet."
    )


def build(settings: Settings) -> NanoReader:
    """Build the reader."""
    return NanoReader(settings, LINKS, settings.puppi)
