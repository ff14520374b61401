"""EFN: energy flow network, safe against infrared and collinear splittings (arXiv:1810.05165)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from resonaut.nn.activation_names import Activation
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.settings import TaggerSettings

if TYPE_CHECKING:
    from torch import nn

Width = Annotated[Count, Field(ge=1)]


class EfnTraining(ScheduledTraining):
    """How the EFN is trained."""

    epochs: Count = Field(20, ge=1, description="Epochs at most.")
    batch_size: Count = Field(256, ge=1, description="Jets per step.")


class Settings(TaggerSettings):
    """Settings of the EFN."""

    direction: tuple[Literal["delta_eta", "delta_phi", "delta_r"], ...] = Field(
        ("delta_eta", "delta_phi"),
        min_length=1,
        description="Inputs of Phi; `log_pt` gives the weights. Any other input would undo the safety.",
    )
    phi: tuple[Width, ...] = Field((100, 100, 256), min_length=1, description="Layers of Phi.")
    f: tuple[Width, ...] = Field((100, 100, 100), min_length=1, description="Hidden layers of F.")
    activation: Activation = Field("relu", description="After each layer.")
    training: EfnTraining = EfnTraining()


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""
    inputs = ("log_pt", *settings.direction)

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.efn import EnergyFlowNetwork

        sizes = (len(inputs), settings.phi, settings.f)
        return EnergyFlowNetwork(*sizes, n_outputs=n_outputs, activation=settings.activation)

    return Tagger(inputs=inputs, network=network)
