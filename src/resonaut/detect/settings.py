"""Settings that detectors share."""

from __future__ import annotations

import math

from pydantic import Field, field_validator, model_validator

from resonaut.encoded import among
from resonaut.nn.settings import TrainingSettings
from resonaut.settings import Count, Settings

HIDDEN_COLUMNS = ("label", "run", "lumi", "event", "gen_weight")
"""Columns of features files that are no features: the truth, and what names an event."""


def feature_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list of features that names one twice, or what no search may see."""
    if len(set(names)) < len(names):
        raise ValueError("a feature is named twice")
    among(names)
    hidden = [name for name in names if name in HIDDEN_COLUMNS or name.startswith("gen_")]
    if hidden:
        raise ValueError(
            f"'{hidden[0]}' is the truth of an event or names it, which no detector may see; remove it "
            "(references with labels take the datasets that they learn from)"
        )
    return names


class FoldedSettings(Settings):
    """Folds: no event is scored by what saw it."""

    n_folds: Count = Field(5, ge=2, description="Folds; an event is scored by what was learnt from others.")
    windows_per_job: Count | None = Field(
        None,
        ge=1,
        description="Windows of the scan that one job trains; null: all of them in one job. The scores are "
        "the same.",
    )
    importance_events: Count = Field(
        2000,
        ge=0,
        description="Events whose features are shuffled one by one to see how much the scores depend on each "
        "of them; 0: not done.",
    )

    def representations(self) -> list[str]:
        """Kinds of representation that this detector reads: features, images, clouds."""
        return ["features"]

    def samples_used(self) -> list[str]:
        """Datasets that this detector reads besides the mixture."""
        return []


class DetectorSettings(FoldedSettings):
    """A detector whose networks are trained."""

    networks_per_batch: Count = Field(
        256, ge=1, description="Networks trained at once; fewer take less memory and give the same scores."
    )
    training: TrainingSettings = TrainingSettings()


class FeatureSettings(Settings):
    """Features that a detector reads."""

    features: tuple[str, ...] = Field(min_length=1, description="Features that are learnt from.")
    mass_shift: dict[str, float] = Field(
        default_factory=dict,
        description="Features to which the mass is added, times this factor: a test of what a method does "
        "where its features follow the mass (0.1 in arXiv:2109.00546, section 5).",
    )
    min_events: Count = Field(
        50, ge=1, description="Fewest events in a signal region, and in its side bands together."
    )

    @field_validator("features")
    @classmethod
    def _features(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return feature_names(value)

    @model_validator(mode="after")
    def _shifted(self) -> FeatureSettings:
        for name, factor in self.mass_shift.items():
            if name not in self.features:
                raise ValueError(f"mass_shift: '{name}' is not among the features {', '.join(self.features)}")
            if not math.isfinite(factor):
                raise ValueError(f"mass_shift.{name}: a finite factor is expected")
        return self


class FeatureDetectorSettings(FeatureSettings, DetectorSettings):
    """A detector that reads features and trains networks."""
