"""Settings that every tagger has."""

from __future__ import annotations

from pydantic import Field, model_validator

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count, Settings

CLOUD_INPUTS = (
    "delta_eta",
    "delta_phi",
    "log_pt",
    "log_energy",
    "log_pt_fraction",
    "log_energy_fraction",
    "delta_r",
)
"""The seven kinematic columns of clouds (arXiv:1902.08570, table 2)."""


class TaggerSettings(Settings):
    """What is told from what."""

    signal: tuple[str, ...] = Field(min_length=1, description="Datasets whose jets are signal.")
    background: tuple[str, ...] = Field(min_length=1, description="Datasets whose jets are background.")
    n_jets_max: Count = Field(200_000, ge=10, description="Jets of each class at most.")
    training: ScheduledTraining = ScheduledTraining()

    @model_validator(mode="after")
    def _disjoint(self) -> TaggerSettings:
        both = set(self.signal) & set(self.background)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} is both signal and background")
        return self

    def datasets_used(self) -> list[str]:
        """Names of the datasets that this tagger reads."""
        return sorted({*self.signal, *self.background})

    def representation(self) -> str:
        """Kind of representation that this tagger reads, of those that `tag/representations.py` knows."""
        return "clouds"
