"""Hits of showers as the cells of a calorimeter: filled batch by batch, in units of a typical hit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resonaut.nn.networks.heads import ClassifierHead

_SUM_UNIT = 10.0
"""Of the logarithm of summed energies: showers have e^5 to e^10 typical hits."""


class StandardiseCells(nn.Module):
    """Cells as ln(1 + energy / scale), scale the geometric mean of hits: not trained, but stored.

    Args:
        shape: layers, rows, columns.
    """

    scale: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def measure(self, values: Tensor) -> None:
        """Take the scale from (n_hits, 2) cells and energies; it stays 1 where there is no energy."""
        energy = values[:, 1].double()
        energy = energy[energy > 0]
        if len(energy):
            self.scale.copy_(energy.log().mean().exp())

    def fill(self, values: Tensor, mask: Tensor) -> Tensor:
        """Dense showers.

        Args:
            values: (n, n_hits, 2) number of the cell, and energy; whatever stands where the mask is false.
            mask: (n, n_hits), true where a hit is real.

        Returns:
            (n, *shape) energies.
        """
        n_cells = math.prod(self.shape)
        # What is no hit goes to a cell behind the last, which is cut off.
        cell = torch.where(mask, values[..., 0], float(n_cells)).long()
        energy = torch.where(mask, values[..., 1], 0.0)
        dense = energy.new_zeros(len(values), n_cells + 1).scatter(1, cell, energy)
        return dense[:, :n_cells].unflatten(1, self.shape)

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Dense showers, (n, 1, *shape), and the logarithm of their sums, (n, 1), both of order 1."""
        # In bf16 cells above 256 would be taken for others.
        with torch.autocast(values.device.type, enabled=False):
            dense = self.fill(values, mask) / self.scale
            total = torch.log1p(dense.flatten(1).sum(dim=1, keepdim=True)) / _SUM_UNIT
            return torch.log1p(dense)[:, None], total


class CellNetwork(nn.Module):
    """Layers on the cells, then dense layers on what they make and on the sum of all cells.

    The sum goes to the dense layers beside the cells, whose logarithms the layers see: an energy is then a
    correction of the sum.

    Args:
        shape: layers, rows, columns.
        layers: of (n, 1, *shape) values.
        n_made: numbers that they make of a shower.
        hidden: sizes of the dense layers.
        activation: after each dense layer.
        dropout: fraction dropped before the last layer.
        n_outputs: 1 for log odds or a value, else the number of classes.
    """

    def __init__(
        self,
        shape: Sequence[int],
        layers: Sequence[nn.Module],
        n_made: int,
        *,
        hidden: Sequence[int],
        activation: str,
        dropout: float,
        n_outputs: int,
    ) -> None:
        super().__init__()
        self.standardise = StandardiseCells(shape)
        self.layers = nn.Sequential(*layers)
        self.head = ClassifierHead(
            n_made + 1, hidden, n_outputs=n_outputs, activation=activation, dropout=dropout
        )

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Logits of showers.

        Args:
            values: (n, n_hits, 2) cell and energy.
            mask: (n, n_hits), true where a hit is real.

        Returns:
            (n,) of one output, else (n, n_outputs).
        """
        dense, total = self.standardise(values, mask)
        return self.head(torch.cat([self.layers(dense).flatten(1), total], dim=1))
