"""Locally connected layers in three dimensions: convolutions whose weights differ from place to place."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut.nn.networks.activations import activation as activation_of
from resonaut.nn.networks.cells import CellNetwork


class LocallyConnected3d(nn.Module):
    """out[n, o, p] = bias[p, o] + sum over c, k of weight[p, (c, k), o] in[n, c, p window + k].

    A calorimeter is not the same everywhere: layers differ in thickness, the particle enters at the centre.
    Windows do not overlap. With P = prod ceil(size / window) places the layer has
    P (channels_in window^3 + 1) channels_out parameters. Zeros are added behind the last cells where windows
    reach beyond.

    Args:
        shape: sizes of the three axes.
        channels_in, channels_out: of each place.
        window: cells of a window along each axis.
    """

    def __init__(self, shape: Sequence[int], channels_in: int, channels_out: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.places = tuple(-(-size // window) for size in shape)
        beyond = [places * window - size for places, size in zip(self.places, shape, strict=True)]
        self.padding = (0, beyond[2], 0, beyond[1], 0, beyond[0])
        n_places, n_inputs = math.prod(self.places), channels_in * window**3
        self.weight = nn.Parameter(torch.empty(n_places, n_inputs, channels_out))
        self.bias = nn.Parameter(torch.zeros(n_places, 1, channels_out))
        bound = math.sqrt(6 / n_inputs)
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, values: Tensor) -> Tensor:
        """(n, channels_out, *places) of (n, channels_in, *shape)."""
        if any(self.padding):
            values = functional.pad(values, self.padding)
        (layers, rows, columns), window = self.places, self.window
        n, channels = values.shape[:2]
        cut = values.reshape(n, channels, layers, window, rows, window, columns, window)
        by_place = cut.permute(2, 4, 6, 0, 1, 3, 5, 7).reshape(math.prod(self.places), n, -1)
        made = torch.baddbmm(self.bias, by_place, self.weight)
        return made.permute(1, 2, 0).reshape(n, -1, *self.places)


class LocallyConnectedNetwork(CellNetwork):
    """Locally connected layers, then dense layers on what they make and on the sum of all cells.

    Args:
        shape: layers, rows, columns of the cells.
        filters: channels after each layer.
        windows: cells of the windows of each layer along each axis.
        hidden: sizes of the dense layers.
        activation: after each layer.
        dropout: fraction dropped before the last layer.
        n_outputs: 1 for log odds or a value, else the number of classes.
    """

    def __init__(
        self,
        shape: Sequence[int],
        filters: Sequence[int],
        windows: Sequence[int],
        *,
        hidden: Sequence[int] = (64, 64),
        activation: str = "relu",
        dropout: float = 0.0,
        n_outputs: int = 1,
    ) -> None:
        layers: list[nn.Module] = []
        channels, sizes = 1, tuple(shape)
        for width, window in zip(filters, windows, strict=True):
            layer = LocallyConnected3d(sizes, channels, width, window)
            layers += [layer, activation_of(activation)]
            channels, sizes = width, layer.places
        super().__init__(
            shape,
            layers,
            channels * math.prod(sizes),
            hidden=hidden,
            activation=activation,
            dropout=dropout,
            n_outputs=n_outputs,
        )
