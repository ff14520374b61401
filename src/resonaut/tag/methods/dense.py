"""A fully connected network on features, of events or of jets; the rows of a table are enough."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from resonaut.nn.activation_names import Activation
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.feature_settings import FeatureTaggerSettings
from resonaut.tag.interface import Tagger

if TYPE_CHECKING:
    from torch import nn

Width = Annotated[Count, Field(ge=1)]


class DenseTraining(ScheduledTraining):
    """How the network is trained."""

    epochs: Count = Field(30, ge=1, description="Epochs at most.")
    batch_size: Count = Field(256, ge=1, description="Events or jets per step.")


class Settings(FeatureTaggerSettings):
    """Settings of the fully connected network."""

    hidden: tuple[Width, ...] = Field((64, 64, 64), min_length=1, description="Sizes of the hidden layers.")
    activation: Activation = Field("relu", description="After each hidden layer.")
    can_be_parametrised: ClassVar[bool] = True
    training: DenseTraining = DenseTraining()


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from torch import nn

        from resonaut.nn.networks.dense import Standardise, dense

        n_inputs = settings.n_inputs()
        sizes = (n_inputs, *settings.hidden, n_outputs)
        layers = {
            "standardise": Standardise(n_inputs),
            "layers": dense(sizes, last_activation=False, activation=settings.activation),
        }
        if n_outputs == 1:
            layers["log_odds"] = nn.Flatten(0)
        return settings.complete(nn.Sequential(OrderedDict(layers)))

    return Tagger(inputs=settings.inputs, network=network)
