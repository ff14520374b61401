"""Settings of an entry of `uncertainty`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from resonaut.datasets import Name
from resonaut.settings import Count, Settings

UncertaintyMethod = Literal["ensemble", "dropout", "laplace", "bayesian"]
CalibrationName = Literal["temperature", "platt", "isotonic"]
Size = Annotated[Count, Field(ge=100)]


class UncertaintySettings(Settings):
    """How sure a tagger is, how right it is about that, and what it says of rows like none that it saw."""

    tagger: Name = Field(description="Tagger of the study.")
    methods: tuple[UncertaintyMethod, ...] = Field(
        ("ensemble", "dropout", "laplace", "bayesian"),
        description="ensemble: networks from other seeds (arXiv:1612.01474); dropout: linear layers of rows "
        "that go on dropping inputs (arXiv:1506.02142); laplace: Gaussian posterior of the last layer "
        "(arXiv:2106.14806); bayesian: weights with widths in the linear layers of rows (arXiv:1505.05424). "
        "The tagger as it is stands beside them.",
    )
    n_networks: Count = Field(5, ge=2, le=100, description="Networks of an ensemble.")
    batched: bool = Field(
        True,
        description="Plain dense networks of an ensemble are trained as one program, at a constant learning "
        "rate; false: one after the other, with the schedule of the tagger, as all others.",
    )
    n_draws: Count = Field(30, ge=2, le=1000, description="Draws of dropout, laplace and bayesian.")
    dropout: float = Field(0.1, gt=0, lt=1, description="Fraction of inputs that dropout drops.")
    prior_width: float = Field(0.3, gt=0, description="Width of the prior of the Bayesian weights.")
    bayesian_epochs: Count | None = Field(
        None,
        ge=1,
        description="Epochs of Bayesian networks, whose widths need more steps than weights do; null: those "
        "of the tagger.",
    )
    calibrations: tuple[CalibrationName, ...] = Field(
        ("temperature", "platt", "isotonic"),
        description="Fitted to the validation rows and measured on the test rows: temperature "
        "(arXiv:1706.04599), platt (with a shift), isotonic. The figure shows the first. Of a regression the "
        "widths are scaled by one number, whatever is named.",
    )
    ood: tuple[Name, ...] = Field(
        (),
        description="Datasets, or variations of those that the tagger learns from, that should look strange "
        "to it: how well the uncertainty tells their rows from test rows.",
    )
    n_ood_max: Count = Field(20_000, ge=100, description="Rows of each of them at most.")
    sizes: tuple[Size, ...] = Field(
        (), description="Numbers of training rows, besides all of them, that all methods learn from as well."
    )

    @field_validator("methods", "calibrations", "ood", "sizes")
    @classmethod
    def _once(cls, value: tuple) -> tuple:
        if len(set(value)) < len(value):
            raise ValueError("an entry is named twice")
        return value

    @model_validator(mode="after")
    def _something(self) -> UncertaintySettings:
        if not self.methods and not self.calibrations:
            raise ValueError("methods: name at least one method, or one of calibrations")
        if self.sizes and not self.methods:
            raise ValueError("sizes: there is no method to train on fewer rows; name one in `methods`")
        return self


class UncertaintySlice(Settings):
    """The part of the configuration that is used."""

    name: Name
    seed: Count
    uncertainty: UncertaintySettings
