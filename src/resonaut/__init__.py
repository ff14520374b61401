"""Machine-learned resonance searches at the LHC, from ROOT files to a significance."""

__version__ = "0.1.0"
