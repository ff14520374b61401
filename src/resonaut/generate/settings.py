"""Settings that every generator has."""

from __future__ import annotations

from pydantic import Field

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count, Settings


class GeneratorSettings(Settings):
    """What is learnt and how much is drawn."""

    dataset: str = Field(description="Dataset whose jets are learnt.")
    n_samples: Count = Field(5_000, ge=10, description="Jets to generate for the evaluation.")
    n_jets_max: Count = Field(50_000, ge=10, description="Jets to learn from at most.")
    training: ScheduledTraining = ScheduledTraining()

    def datasets_used(self) -> list[str]:
        """Names of the datasets that this generator reads."""
        return [self.dataset]

    def representation(self) -> str:
        """Kind of representation that this generator learns."""
        return "images"
