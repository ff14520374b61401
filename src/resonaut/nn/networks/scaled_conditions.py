"""Conditions of a generator, from their own units to numbers of order one."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_LOGARITHMIC = {"energy", "pt"}


def is_logarithmic(name: str) -> bool:
    """Whether a condition is an energy or a momentum, of which ratios matter: `jets/pt`."""
    parts = set(re.split("[/_]", name))
    return bool(parts & _LOGARITHMIC) and not parts & {"log", "fraction"}


class ScaledConditions(nn.Module):
    """(x - mean) / width of each condition, of the logarithm of energies and momenta.

    Constants are stored with the weights, not trained. Of a condition that is measured to be constant the
    width is 1.

    Args:
        names: of the conditions; those of `is_logarithmic` must be above 0.
    """

    mean: Tensor
    width: Tensor
    logarithmic: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(names)))
        self.register_buffer("width", torch.ones(len(names)))
        logarithmic = torch.tensor([is_logarithmic(name) for name in names], dtype=torch.bool)
        self.register_buffer("logarithmic", logarithmic, persistent=False)

    def _logs(self, conditions: Tensor) -> Tensor:
        tiny = torch.finfo(conditions.dtype).tiny
        return torch.where(self.logarithmic, conditions.clamp_min(tiny).log(), conditions)

    def measure(self, conditions: Tensor) -> None:
        """Take mean and standard deviation from (n, n_conditions), in their own units."""
        values = self._logs(conditions).double()
        mean = values.mean(dim=0)
        width = (values - mean).square().mean(dim=0).sqrt()
        self.mean.copy_(mean)
        self.width.copy_(torch.where(width > 1e-6, width, torch.ones_like(width)))

    def forward(self, conditions: Tensor) -> Tensor:
        """(n, n_conditions) to the same shape, of order one."""
        return (self._logs(conditions) - self.mean) / self.width
