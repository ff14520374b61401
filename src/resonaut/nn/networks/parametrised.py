"""A network with one more input, the value of a nuisance parameter (arXiv:1601.07913)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Parametrised(nn.Module):
    """A network of n + 1 inputs that takes n of them, and stands at a stated value of the last one.

    Args:
        network: its first argument is (n_rows, n + 1) or (n_rows, n_constituents, n + 1).
        n_inputs: n.
        at: value of the last input where it is not given.
    """

    def __init__(self, network: nn.Module, n_inputs: int, at: float) -> None:
        super().__init__()
        self.network, self.n_inputs = network, n_inputs
        self.register_buffer("at", torch.tensor(at, dtype=torch.float32))

    @property
    def standardise(self) -> nn.Module:
        """Of the network, of n + 1 inputs."""
        return self.network.standardise

    def complete(self, values: Tensor) -> Tensor:
        """The values, with the last input where it is missing."""
        if values.shape[-1] > self.n_inputs:
            return values
        return torch.cat([values, self.at.to(values.dtype).expand(*values.shape[:-1], 1)], dim=-1)

    def forward(self, values: Tensor, *others: Tensor) -> Tensor:
        """Logits of each row."""
        return self.network(self.complete(values), *others)

    def encode(self, values: Tensor, *others: Tensor) -> Tensor:
        """Latent representation of each row."""
        return self.network.encode(self.complete(values), *others)
