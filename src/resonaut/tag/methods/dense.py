"""A fully connected network on features, of events or of jets; the rows of a table are enough."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints, field_validator

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.settings import TaggerSettings

if TYPE_CHECKING:
    from torch import nn

Input = Annotated[
    str,
    StringConstraints(pattern=r"^((events/)?[A-Za-z_][A-Za-z0-9_]*|jets/[A-Za-z_][A-Za-z0-9_]*(/[0-9]+)?)$"),
]
Width = Annotated[Count, Field(ge=1)]


class DenseTraining(ScheduledTraining):
    """How the network is trained."""

    epochs: Count = Field(30, ge=1, description="Epochs at most.")
    batch_size: Count = Field(256, ge=1, description="Events or jets per step.")


class Settings(TaggerSettings):
    """Settings of the fully connected network."""

    inputs: tuple[Input, ...] = Field(
        min_length=1,
        description="Columns of the features: `name` of an event, `jets/name/0` of its leading jet; with "
        "`jets/name`, of every jet, each jet is told apart and not each event.",
    )
    hidden: tuple[Width, ...] = Field((64, 64, 64), min_length=1, description="Sizes of the hidden layers.")
    n_jets_max: Count = Field(200_000, ge=10, description="Events (or jets) of each class at most.")
    training: DenseTraining = DenseTraining()

    @field_validator("inputs")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len({name.removeprefix("events/") for name in value}) < len(value):
            raise ValueError("an input is named twice")
        return value

    def representation(self) -> str:
        """Kind of representation that this tagger reads."""
        return "features"


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network() -> nn.Module:
        from torch import nn

        from resonaut.nn.networks.dense import Standardise, dense

        n_inputs = len(settings.inputs)
        layers = {
            "standardise": Standardise(n_inputs),
            "layers": dense((n_inputs, *settings.hidden, 1), last_activation=False),
            "log_odds": nn.Flatten(0),
        }
        return nn.Sequential(OrderedDict(layers))

    return Tagger(inputs=settings.inputs, network=network)
