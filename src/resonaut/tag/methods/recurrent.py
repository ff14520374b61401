"""LSTM or GRU along the constituents of a jet, hardest first (arXiv:1711.09059)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.settings import CLOUD_INPUTS, TaggerSettings

if TYPE_CHECKING:
    from torch import nn

Width = Annotated[Count, Field(ge=1)]


class RecurrentTraining(ScheduledTraining):
    """How the network is trained."""

    epochs: Count = Field(20, ge=1, description="Epochs at most.")
    batch_size: Count = Field(256, ge=1, description="Jets per step.")
    clip_norm: float | None = Field(
        1.0,
        gt=0,
        description="Longest gradient; a longer one is scaled to it (arXiv:1211.5063). Null: any, and a "
        "network that has begun to learn may fall back to chance.",
    )


class Settings(TaggerSettings):
    """Settings of the recurrent network."""

    inputs: tuple[str, ...] = Field(
        CLOUD_INPUTS,
        min_length=1,
        description="Columns of the clouds (arXiv:1902.08570, table 2).",
    )
    cell: Literal["lstm", "gru"] = Field("lstm", description="What carries the state.")
    width: Width = Field(128, description="Length of the state.")
    n_layers: Width = Field(1, description="Recurrent layers, one on the states of the other.")
    f: tuple[Width, ...] = Field((64,), description="Hidden layers behind the last state.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Fraction dropped before the last layer.")
    training: RecurrentTraining = RecurrentTraining()


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.recurrent import RecurrentNetwork

        return RecurrentNetwork(
            *(len(settings.inputs), settings.cell, settings.width, settings.n_layers, settings.f),
            dropout=settings.dropout,
            n_outputs=n_outputs,
        )

    return Tagger(inputs=settings.inputs, network=network)
