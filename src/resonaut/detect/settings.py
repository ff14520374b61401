"""Settings that every detector has."""

from __future__ import annotations

from pydantic import Field

from resonaut.nn.settings import TrainingSettings
from resonaut.settings import Count, Settings


class DetectorSettings(Settings):
    """Folds: no event is scored by a network that saw it."""

    n_folds: Count = Field(5, ge=2, description="Folds; an event is scored by networks trained on others.")
    training: TrainingSettings = TrainingSettings()
