"""Settings that every generator has."""

from __future__ import annotations

import importlib
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from resonaut.datasets import Name
from resonaut.generate.evaluation.settings import EvaluationSettings
from resonaut.generate.interface import Kind
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count, Settings

CLASS = "class"
"""The condition that stands for the dataset of a row."""

Column = Annotated[
    str,
    StringConstraints(
        pattern=r"^((events/)?[A-Za-z_][A-Za-z0-9_]*|jets/[A-Za-z_][A-Za-z0-9_]*(/[0-9]+)?)$", max_length=100
    ),
]


class GeneratorSettings(Settings):
    """What is learnt, on what conditions, and how much is drawn."""

    datasets: tuple[Name, ...] = Field(min_length=1, description="Datasets that are learnt, one or more.")
    learn: Kind | None = Field(
        None, description="Representation that is learnt; absent: the first that the method can learn."
    )
    inputs: tuple[Column, ...] = Field(
        (),
        description="Columns that are learnt, of clouds (absent: delta_eta, delta_phi, log_pt_fraction) and "
        "of features: `name` of an event, `jets/name/0` of its leading jet; with `jets/name`, of every jet, "
        "jets are learnt and not events.",
    )
    conditions: tuple[Column, ...] = Field(
        (),
        description="What rows are generated for: columns of the representation (incident_energy, theta, "
        "jets/pt), and `class`, the dataset.",
    )
    hold_out: dict[Column, tuple[float, float]] = Field(
        default_factory=dict,
        description="Rows with a condition from low to high, in the condition's unit, are left out of "
        "training and validation, to test interpolation and extrapolation: {incident_energy: [45, 55]}.",
    )
    n_samples: Count = Field(5_000, ge=10, description="Rows to generate for the evaluation.")
    n_rows_max: Count = Field(50_000, ge=10, description="Rows to read at most, of all parts and datasets.")
    restarts: Count = Field(
        1, ge=1, le=100, description="Networks that are trained; samples are drawn evenly from all."
    )
    training: ScheduledTraining = ScheduledTraining()
    evaluate: EvaluationSettings = EvaluationSettings()

    @field_validator("datasets", "inputs", "conditions")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if value.count(name) > 1:
                raise ValueError(f"'{name}' is named twice")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> GeneratorSettings:
        kind = self.representation()
        if kind == "features" and not self.inputs:
            raise ValueError("inputs: the columns of the features are required")
        if kind in ("images", "showers") and self.inputs:
            raise ValueError(f"inputs: {kind} are learnt whole; leave it out")
        for name in sorted(set(self.columns()) & set(self.conditions)):
            raise ValueError(f"conditions: '{name}' is among the inputs too; name it in one of them")
        if CLASS in self.conditions and len(self.datasets) < 2:
            raise ValueError("conditions: 'class' needs two or more datasets; leave it out")
        for name, (low, high) in self.hold_out.items():
            if name not in self.conditions or name == CLASS:
                known = ", ".join(c for c in self.conditions if c != CLASS) or "none"
                raise ValueError(f"hold_out: '{name}' is no numeric condition. Known: {known}")
            if low >= high:
                raise ValueError(f"hold_out.{name}: [low, high] with low < high is expected")
        return self

    def kinds(self) -> tuple[Kind, ...]:
        """Representations that the method of these settings can learn."""
        return importlib.import_module(type(self).__module__).build(self).kinds

    def representation(self) -> Kind:
        """Kind of representation that this generator learns.

        Raises:
            ValueError: the method cannot learn the one that is wanted.
        """
        kinds = self.kinds()
        if self.learn is None:
            return kinds[0]
        if self.learn not in kinds:
            raise ValueError(f"learn: this method learns {', '.join(kinds)}, not {self.learn}")
        return self.learn

    def columns(self) -> tuple[str, ...]:
        """Columns of clouds or features that are learnt; empty for images and showers."""
        default = ("delta_eta", "delta_phi", "log_pt_fraction")
        return (self.inputs or default) if self.representation() == "clouds" else self.inputs

    def datasets_used(self) -> list[str]:
        """Names of the datasets that this generator reads."""
        return list(self.datasets)
