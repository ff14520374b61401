"""P-CNN: one-dimensional residual convolutions along the constituents (arXiv:1902.08570)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.settings import CLOUD_INPUTS, TaggerSettings

if TYPE_CHECKING:
    from torch import nn

Width = Annotated[Count, Field(ge=1)]
Stage = Annotated[tuple[Width, ...], Field(min_length=1)]


class PcnnTraining(ScheduledTraining):
    """How the P-CNN is trained."""

    epochs: Count = Field(20, ge=1, description="Epochs at most.")
    batch_size: Count = Field(256, ge=1, description="Jets per step.")


class Settings(TaggerSettings):
    """Settings of the P-CNN."""

    inputs: tuple[str, ...] = Field(
        CLOUD_INPUTS,
        min_length=1,
        description="Columns of the clouds (arXiv:1902.08570, table 2).",
    )
    first: Width = Field(32, description="Channels of the first convolution.")
    stages: tuple[Stage, ...] = Field(
        ((64, 64), (64, 64), (128, 128)),
        min_length=1,
        description="Channels of the residual units of each stage; each but the first halves the length.",
    )
    f: tuple[Width, ...] = Field((512,), description="Hidden layers after the mean over constituents.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Fraction dropped before the last layer.")
    training: PcnnTraining = PcnnTraining()


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.pcnn import ParticleCNN

        channels = ((settings.first,), *settings.stages)
        sizes = (len(settings.inputs), channels, settings.f)
        return ParticleCNN(*sizes, dropout=settings.dropout, n_outputs=n_outputs)

    return Tagger(inputs=settings.inputs, network=network)
