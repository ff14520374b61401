"""PFN: Deep Sets over the constituents of a jet (arXiv:1810.05165)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from resonaut.nn.activation_names import Activation
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.settings import CLOUD_INPUTS, TaggerSettings

if TYPE_CHECKING:
    from torch import nn

Width = Annotated[Count, Field(ge=1)]


class PfnTraining(ScheduledTraining):
    """How the PFN is trained."""

    epochs: Count = Field(12, ge=1, description="Epochs at most.")
    batch_size: Count = Field(100, ge=1, description="Jets per step.")
    patience: Count = Field(3, ge=1, description="Epochs without a better validation loss before stopping.")


class Settings(TaggerSettings):
    """Settings of the PFN."""

    inputs: tuple[str, ...] = Field(
        CLOUD_INPUTS,
        min_length=1,
        description="Columns of the clouds (arXiv:1902.08570, table 2).",
    )
    phi: tuple[Width, ...] = Field((100, 100, 256), min_length=1, description="Layers of Phi.")
    f: tuple[Width, ...] = Field((100, 100, 100), min_length=1, description="Hidden layers of F.")
    activation: Activation = Field("relu", description="After each layer.")
    can_be_parametrised: ClassVar[bool] = True
    n_jets_max: Count = Field(15_000, ge=10, description="Jets of each class at most.")
    training: PfnTraining = PfnTraining()


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.pfn import ParticleFlowNetwork

        sizes = (settings.n_inputs(), settings.phi, settings.f)
        network = ParticleFlowNetwork(*sizes, n_outputs=n_outputs, activation=settings.activation)
        return settings.complete(network)

    return Tagger(inputs=settings.inputs, network=network)
