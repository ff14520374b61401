"""A fully connected network whose weights have widths (arXiv:1505.05424), on features of events or of jets.

Its score is that of the mean weights. `uncertainty` draws from the widths; see `nn.networks.bayesian`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from pydantic import Field

from resonaut.nn.activation_names import Activation
from resonaut.tag.feature_settings import FeatureTaggerSettings
from resonaut.tag.interface import Tagger
from resonaut.tag.methods.dense import DenseTraining, Width

if TYPE_CHECKING:
    from torch import Tensor, nn


class Settings(FeatureTaggerSettings):
    """Settings of the Bayesian network."""

    hidden: tuple[Width, ...] = Field((64, 64, 64), min_length=1, description="Sizes of the hidden layers.")
    activation: Activation = Field("relu", description="After each hidden layer.")
    prior_width: float = Field(
        0.3, gt=0, description="Standard deviation of the Gaussian prior of all weights and biases."
    )
    training: DenseTraining = DenseTraining()


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from torch import nn

        from resonaut.nn.networks.bayesian import bayesian_like
        from resonaut.nn.networks.dense import Standardise, dense
        from resonaut.nn.row_layers import replaced

        n_inputs = len(settings.inputs)
        sizes = (n_inputs, *settings.hidden, n_outputs)
        layers = dense(sizes, last_activation=False, activation=settings.activation)
        names = [name for name, layer in layers.named_modules() if isinstance(layer, nn.Linear)]
        parts = {
            "standardise": Standardise(n_inputs),
            "layers": replaced(layers, names, lambda layer: bayesian_like(layer, settings.prior_width)),
        }
        if n_outputs == 1:
            parts["log_odds"] = nn.Flatten(0)
        return nn.Sequential(OrderedDict(parts))

    def divergence(network: nn.Module) -> Tensor:
        from resonaut.nn.networks import bayesian

        return bayesian.divergence(network)

    return Tagger(inputs=settings.inputs, network=network, divergence=divergence)
