"""Convolutions in three dimensions on the cells of a calorimeter (arXiv:1912.06794)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from resonaut.nn.networks.activations import activation as activation_of
from resonaut.nn.networks.cells import CellNetwork


class ShowerCNN(CellNetwork):
    """Strided convolutions, and dense layers on what is left of the cells and on their sum.

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
        layers: list[nn.Module] = []
        channels, sizes = 1, list(shape)
        for width in filters:
            layer = nn.Conv3d(channels, width, kernel_size, stride, padding=kernel_size // 2)
            # Two per cent of the cells are hit: with the default weights nothing is left after four layers.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            layers += [layer, activation_of(activation)]
            channels, sizes = width, [-(-size // stride) for size in sizes]
        super().__init__(
            shape,
            layers,
            channels * math.prod(sizes),
            hidden=hidden,
            activation=activation,
            dropout=dropout,
            n_outputs=n_outputs,
        )
