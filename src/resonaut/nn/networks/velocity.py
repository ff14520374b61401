"""Velocity of a row of numbers at a time, given its context: residual dense layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from resonaut.nn.networks.dense import Standardise

_N_WAVES = 16
_FASTEST = 64.0


class TimeWaves(nn.Module):
    """sin and cos of a time in [0, 1] at frequencies in geometric steps (arXiv:1706.03762, section 3.5)."""

    n_outputs = 2 * _N_WAVES

    def __init__(self) -> None:
        super().__init__()
        steps = torch.arange(_N_WAVES) / (_N_WAVES - 1)
        self.register_buffer("frequency", 0.5 * math.pi * _FASTEST**steps, persistent=False)

    def forward(self, time: Tensor) -> Tensor:
        """(n,) to (n, n_outputs)."""
        phase = time[:, None] * self.frequency
        return torch.cat([phase.sin(), phase.cos()], dim=1)


class ConditionScale(nn.Module):
    """Conditions standardised, and their logarithms where all that is learnt from is positive.

    Args:
        n_conditions: 0 or more.
    """

    def __init__(self, n_conditions: int) -> None:
        super().__init__()
        self.n_outputs = 2 * n_conditions
        self.standardise = Standardise(2 * n_conditions)
        self.register_buffer("positive", torch.zeros(n_conditions, dtype=torch.bool))

    @torch.no_grad()
    def measure(self, conditions: Tensor) -> None:
        """Take the constants from (n, n_conditions) rows."""
        self.positive.copy_((conditions > 0).all(0))
        self.standardise.measure(self._both(conditions))

    def _both(self, conditions: Tensor) -> Tensor:
        logs = torch.where(self.positive, conditions.clamp_min(1e-30), 1).log()
        return torch.cat([conditions, logs], dim=1)

    def forward(self, conditions: Tensor) -> Tensor:
        """(n, n_conditions) in their own units to (n, n_outputs)."""
        return self.standardise(self._both(conditions))


class _Block(nn.Module):
    """h + W2 silu(W1 (norm(h) (1 + a) + b)), where a and b come from time and context (arXiv:1709.07871)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.change = nn.Linear(width, 2 * width)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        for layer in (self.change, self.second):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, hidden: Tensor, given: Tensor) -> Tensor:
        factor, shift = self.change(given).chunk(2, dim=1)
        inside = nn.functional.silu(self.first(self.norm(hidden) * (1 + factor) + shift))
        return hidden + self.second(inside)


class DenseVelocity(nn.Module):
    """Velocity of rows of numbers.

    Args:
        n_values: length of a row.
        n_context: length of what is known of it.
        width: of the hidden layers.
        blocks: residual blocks of two layers.
    """

    def __init__(self, n_values: int, n_context: int, width: int, blocks: int) -> None:
        super().__init__()
        self.waves = TimeWaves()
        self.given = nn.Sequential(
            nn.Linear(self.waves.n_outputs + n_context, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.first = nn.Linear(n_values, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.last = nn.Linear(width, n_values)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, values: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """Velocity, (n, n_values).

        Args:
            values: (n, n_values).
            time: (n,) from 0 (noise) to 1 (data).
            context: (n, n_context).
        """
        given = self.given(torch.cat([self.waves(time), context], dim=1))
        hidden = self.first(values)
        for block in self.blocks:
            hidden = block(hidden, given)
        return self.last(nn.functional.silu(hidden))
