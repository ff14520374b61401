"""Settings that every detector has."""

from __future__ import annotations

from pydantic import Field

from resonaut.nn.settings import TrainingSettings
from resonaut.settings import Count, Settings


class DetectorSettings(Settings):
    """Folds: no event is scored by a network that saw it."""

    n_folds: Count = Field(5, ge=2, description="Folds; an event is scored by networks trained on others.")
    networks_per_batch: Count = Field(
        256, ge=1, description="Networks trained at once; fewer take less memory and give the same scores."
    )
    training: TrainingSettings = TrainingSettings()

    def representations(self) -> list[str]:
        """Kinds of representation that this detector reads: features, images."""
        return ["features"]
