"""Convolutions in three dimensions on the cells of a calorimeter (arXiv:1912.06794)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resonaut.nn.networks.activations import activation as activation_of
from resonaut.nn.networks.cells import StandardiseCells
from resonaut.nn.networks.heads import ClassifierHead


class ShowerCNN(nn.Module):
    """Strided convolutions, and dense layers on what is left of the cells and on their sum.

    The sum of all cells goes to the dense layers beside the convolutions, which see logarithms: an energy is
    then a correction of the sum.

    Args:
        shape: layers, rows, columns.
        filters: channels after each convolution.
        kernel_size: odd, cells along each axis.
        stride: of each convolution: n cells become ceil(n / stride).
        hidden: sizes of the dense layers.
        activation: after each layer.
        dropout: fraction dropped before the last layer.
        n_outputs: 1 for log odds or a value, else the number of classes.
    """

    def __init__(
        self,
        shape: Sequence[int],
        filters: Sequence[int],
        *,
        kernel_size: int = 3,
        stride: int = 2,
        hidden: Sequence[int] = (64, 64),
        activation: str = "relu",
        dropout: float = 0.0,
        n_outputs: int = 1,
    ) -> None:
        super().__init__()
        self.standardise = StandardiseCells(shape)
        layers: list[nn.Module] = []
        channels, sizes = 1, list(shape)
        for width in filters:
            layer = nn.Conv3d(channels, width, kernel_size, stride, padding=kernel_size // 2)
            # Two per cent of the cells are hit: with the default weights nothing is left after four layers.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            layers += [layer, activation_of(activation)]
            channels, sizes = width, [-(-size // stride) for size in sizes]
        self.layers = nn.Sequential(*layers)
        self.head = ClassifierHead(
            channels * math.prod(sizes) + 1,
            hidden,
            n_outputs=n_outputs,
            activation=activation,
            dropout=dropout,
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
