"""LorentzNet: messages between constituents that are Lorentz-equivariant (arXiv:2201.08187)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.settings import TaggerSettings

if TYPE_CHECKING:
    from torch import nn

_KINEMATIC = ("log_pt", "delta_eta", "delta_phi")


class LorentzTraining(ScheduledTraining):
    """How LorentzNet is trained; batch, epochs and weight decay are those published for top jets."""

    epochs: Count = Field(35, ge=1, description="Epochs at most.")
    batch_size: Count = Field(128, ge=1, description="Jets per step.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled weight decay (arXiv:1711.05101).")


class Settings(TaggerSettings):
    """Settings of LorentzNet. Its momenta are made from log_pt, delta_eta and delta_phi of the clouds."""

    scalars: tuple[Literal["charge", "pdg_class", "d0", "dz", "has_track"], ...] = Field(
        (), description="Further columns of the clouds, which no Lorentz transformation changes."
    )
    n_hidden: Count = Field(72, ge=1, description="Scalars of a particle in the network.")
    n_blocks: Count = Field(6, ge=1, description="Lorentz-equivariant blocks.")
    step: float = Field(0.005, gt=0, description="Factor c of the updates of momenta.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Share of the decoder's values dropped in training.")
    beams: bool = Field(
        True, description="Add two beam particles, which fix the beam's axis; without them a jet has none."
    )
    training: LorentzTraining = LorentzTraining()

    @field_validator("scalars")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a scalar is named twice")
        return value


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""
    inputs = (*_KINEMATIC, *settings.scalars)

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.lorentznet import LorentzNet

        return LorentzNet(
            inputs,
            n_hidden=settings.n_hidden,
            n_blocks=settings.n_blocks,
            step=settings.step,
            dropout=settings.dropout,
            beams=settings.beams,
            n_outputs=n_outputs,
        )

    return Tagger(inputs=inputs, network=network)
