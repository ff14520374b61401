"""Settings of an entry of `stability`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from resonaut.datasets import Name
from resonaut.settings import Count, Settings

Size = Annotated[Count, Field(ge=50)]
Quantity = Literal["loss", "auc", "rejection", "accuracy", "absolute_error"]


class StabilitySettings(Settings):
    """How much a tagger owes to chance, to the rows that it learnt from, and to their number."""

    tagger: Name = Field(description="Tagger of the study, trained anew each time.")
    n_seeds: Count = Field(
        3, ge=2, le=100, description="Trainings of each size, from other seeds and other rows of that number."
    )
    n_folds: Count = Field(
        5,
        ge=0,
        le=50,
        description="Folds of all rows: each is measured with a network that learns from the rest; 0: none.",
    )
    sizes: tuple[Size, ...] = Field(
        (), description="Numbers of training rows besides all of them; where absent, `n_sizes` are chosen."
    )
    n_sizes: Count = Field(
        5,
        ge=1,
        le=20,
        description="Sizes where `sizes` is absent: all training rows, half of them, ...",
    )
    metric: Quantity = Field(
        "loss",
        description="Quantity in the figure: loss, auc (as 1 - AUC) and rejection (as background efficiency) "
        "of two classes; loss and accuracy (as 1 - accuracy) of several; absolute_error of a regression.",
    )
    signal_efficiency: float = Field(
        0.5, gt=0, lt=1, description="Where the rejection is measured, of the test rows."
    )
    extrapolate: float = Field(
        10.0, gt=1, le=1000, description="The power law is extended to so many times the training rows."
    )
    same_steps: bool = Field(
        True,
        description="Fewer rows are learnt from in as many steps: more epochs, and more patience; false: in "
        "as many epochs.",
    )

    @field_validator("sizes")
    @classmethod
    def _once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a size is named twice")
        return value


class StabilitySlice(Settings):
    """The part of the configuration that is used."""

    name: Name
    seed: Count
    stability: StabilitySettings
    tag: dict[str, Any] = Field(description="Slice of the tagger: method, kind, settings, seed.")
