"""Dense layers, and the standardisation of inputs as a layer with stored constants."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resonaut.nn.networks.activations import linear


class Standardise(nn.Module):
    """(x - mean) / width, feature by feature; the constants are stored with the weights, not trained.

    Args:
        n_features: length of the last axis.
    """

    mean: Tensor
    width: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("width", torch.ones(n_features))

    def measure(self, values: Tensor) -> None:
        """Take mean and standard deviation from (n, n_features) values; a constant feature keeps width 1."""
        mean = values.mean(dim=0, dtype=torch.float64)
        width = (values - mean.to(values.dtype)).square().mean(dim=0, dtype=torch.float64).sqrt()
        self.mean.copy_(mean)
        self.width.copy_(torch.where(width > 1e-12, width, torch.ones_like(width)))

    def forward(self, values: Tensor) -> Tensor:
        return (values - self.mean) / self.width


def dense(sizes: Sequence[int], *, last_activation: bool, activation: str = "relu") -> nn.Sequential:
    """Linear layers of these sizes with activations between them.

    Args:
        sizes: inputs, hidden layers, outputs.
        last_activation: whether an activation follows the last layer too.
        activation: a name of `activations`.

    Raises:
        ConfigError: no such activation.
    """
    layers: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes), 1):
        if last_activation or number < len(sizes) - 1:
            layers.extend(linear(inputs, outputs, activation))
        else:
            layers.append(nn.Linear(inputs, outputs))
    return nn.Sequential(*layers)
