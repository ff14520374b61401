"""Reader of CMS NanoAOD (A. Rizzi, G. Petrucciani, M. Peruzzi, EPJ Web Conf. 214 (2019) 06021)."""

from __future__ import annotations

from resonaut.ingest.contents import Contents
from resonaut.ingest.nano_reader import NanoReader, NanoSettings, check_weights, is_nano
from resonaut.ingest.nanoevents import Links

KINDS = ("root",)
LEVEL = "jets"
NUMBERED = True
LINKS = Links("PFCand", "pfCandIdx", "PFCand")
_OF_PFNANO = ("FatJetPFCands_pFCandsIdx", "JetPFCands_pFCandsIdx")


class Settings(NanoSettings):
    """Weights and discriminators that are read."""


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return is_nano(contents) and not any(contents.has("Events", name) for name in _OF_PFNANO)


def check_file(contents: Contents, settings: Settings) -> None:
    """Compare the branches of weights with a file."""
    check_weights(contents, settings)


def why_no_constituents(path: str) -> str:
    """What a file without candidates lacks, and what to use instead."""
    return (
        "This NanoAOD file links no candidates to the jets. Since version 15 NanoAOD links those of "
        "FatJet (FatJetPFCand); use that version, or PFNano."
    )


def build(settings: Settings) -> NanoReader:
    """Build the reader. Since version 15 it finds the candidates of FatJets up to |eta| = 2.5.

    Their pt and mass are multiplied by the PUPPI weight in the file already.
    """
    return NanoReader(settings, LINKS, puppi=False)
