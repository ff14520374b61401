"""Settings that every tagger of calorimeter showers has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.settings import TaggerSettings

Cells = Annotated[Count, Field(ge=1, le=1000)]
Width = Annotated[Count, Field(ge=1)]


class ShowerTraining(ScheduledTraining):
    """How a network of showers is trained."""

    epochs: Count = Field(15, ge=1, description="Epochs at most.")
    batch_size: Count = Field(64, ge=1, description="Showers per step.")


class ShowerTaggerSettings(TaggerSettings):
    """Settings that every tagger of showers has."""

    n_jets_max: Count = Field(50_000, ge=10, description="Showers of each class at most.")
    training: ShowerTraining = ShowerTraining()

    @model_validator(mode="after")
    def _in_memory(self) -> ShowerTaggerSettings:
        if self.stream:
            raise ValueError("stream: showers are sparse and read at once; leave this key out")
        return self

    def rows(self) -> str:
        """What a row is."""
        return "events"

    def representation(self) -> str:
        """Kind of representation that this tagger reads."""
        return "showers"


class CellTaggerSettings(ShowerTaggerSettings):
    """Settings of taggers that see the cells of a calorimeter."""

    shape: tuple[Cells, Cells, Cells] = Field(
        (30, 30, 30), description="[layers, rows, columns] of cells, after represent.showers.regroup."
    )
    hidden: tuple[Width, ...] = Field((64, 64), description="Sizes of the dense layers.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Fraction dropped before the last layer.")
