"""ParticleNet: edge convolutions on the nearest neighbours of constituents (arXiv:1902.08570, figure 2a)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.settings import CLOUD_INPUTS, TaggerSettings

if TYPE_CHECKING:
    from torch import nn

Width = Annotated[Count, Field(ge=1)]
Layers = Annotated[tuple[Width, ...], Field(min_length=1)]
ANGLES = ("delta_eta", "delta_phi")


class ParticleNetTraining(ScheduledTraining):
    """How ParticleNet is trained (arXiv:1902.08570, where a batch has 384 jets)."""

    epochs: Count = Field(20, ge=1, description="Epochs at most.")
    batch_size: Count = Field(256, ge=1, description="Jets per step.")
    weight_decay: float = Field(1e-4, ge=0, description="Decoupled weight decay (arXiv:1711.05101).")


class Settings(TaggerSettings):
    """Settings of ParticleNet."""

    inputs: tuple[str, ...] = Field(
        CLOUD_INPUTS,
        min_length=1,
        description="Columns of the clouds (arXiv:1902.08570, table 2); `delta_eta` and `delta_phi`, in "
        "which the first neighbours are found, are two of them.",
    )
    channels: tuple[Layers, ...] = Field(
        ((64, 64, 64), (128, 128, 128), (256, 256, 256)),
        min_length=1,
        description="Layers of each edge convolution.",
    )
    k: Count = Field(16, ge=1, description="Neighbours of each constituent.")
    f: tuple[Width, ...] = Field((256,), description="Hidden layers after the mean over constituents.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Fraction dropped before the last layer.")
    training: ParticleNetTraining = ParticleNetTraining()

    @field_validator("inputs")
    @classmethod
    def _with_angles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        missing = [name for name in ANGLES if name not in value]
        if missing:
            raise ValueError(f"{' and '.join(missing)} must be among the inputs, to find neighbours in")
        return value


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.particlenet import ParticleNet

        return ParticleNet(
            len(settings.inputs),
            settings.channels,
            settings.k,
            settings.f,
            coordinates=[settings.inputs.index(name) for name in ANGLES],
            dropout=settings.dropout,
            n_outputs=n_outputs,
        )

    return Tagger(inputs=settings.inputs, network=network)
