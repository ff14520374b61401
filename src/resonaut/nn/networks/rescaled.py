"""A network whose output has the units of what it predicts."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Rescaled(nn.Module):
    """y = shift + scale * network(x): the network works with numbers of order 1.

    Args:
        network: one output per row, (n_rows,), and perhaps a layer `standardise` for its inputs.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("shift", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    @property
    def standardise(self) -> nn.Module | None:
        """The layer that standardises the inputs."""
        return getattr(self.network, "standardise", None)

    def measure(self, target: Tensor) -> None:
        """Take shift and scale from mean and standard deviation of the targets, (n,)."""
        values = target.double()
        width = values.std(correction=0)
        self.shift.copy_(values.mean())
        self.scale.copy_(torch.where(width > 0, width, torch.ones_like(width)))

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.shift + self.scale * self.network(*inputs)
