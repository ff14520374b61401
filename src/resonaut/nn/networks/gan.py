"""Bodies of generators: from noise and conditions to rows of numbers of order one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_SLOPE = 0.2


class DenseBody(nn.Sequential):
    """Dense layers, for features and for cells that have no grid.

    Args:
        n_inputs: noise and conditions together.
        dims: of one row.
        width: of the three hidden layers.
    """

    def __init__(self, n_inputs: int, dims: Sequence[int], width: int) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise([n_inputs, width, width, width]):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(_SLOPE)]
        super().__init__(*layers, nn.Linear(width, math.prod(dims)), nn.Unflatten(1, tuple(dims)))


class PlanarBody(nn.Module):
    """Transposed convolutions in the plane of the last two axes; layers are channels.

    Three steps of factor two (arXiv:1511.06434) and a convolution, cut to size in the middle. The profile
    along a shower is nothing that repeats itself, so the depth is no axis of a convolution.

    Args:
        n_inputs: noise and conditions together.
        dims: (rows, columns) or (layers, rows, columns).
        width: channels before the last layer.
    """

    def __init__(self, n_inputs: int, dims: Sequence[int], width: int) -> None:
        super().__init__()
        self.dims = tuple(dims)
        self.start = [-(-n // 8) for n in dims[-2:]]
        self.first = nn.Linear(n_inputs, 4 * width * math.prod(self.start))
        self.channels = 4 * width
        steps: list[nn.Module] = [nn.LeakyReLU(_SLOPE)]
        for inputs, outputs in ((4 * width, 4 * width), (4 * width, 2 * width), (2 * width, width)):
            steps += [
                nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1),
                nn.GroupNorm(1, outputs),
                nn.LeakyReLU(_SLOPE),
            ]
        n_maps = dims[0] if len(dims) == 3 else 1
        self.steps = nn.Sequential(*steps, nn.Conv2d(width, n_maps, 3, padding=1))

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, n_inputs) to (n, *dims)."""
        maps = self.steps(self.first(inputs).unflatten(1, (self.channels, *self.start)))
        return _middle(maps, self.dims[-2:]).reshape(-1, *self.dims)


class VolumeBody(nn.Module):
    """The generator of the Wasserstein GAN of arXiv:2005.05334, section 3.2: convolutions in three axes.

    Noise and conditions are read by a transposed convolution each; three more of factor two with layer norms
    follow, and one of kernel 3. With 100 noise numbers, one condition and 30 x 30 x 30 cells it has 3.7
    million parameters.

    Args:
        n_noise, n_conditions: the inputs are these numbers one behind the other.
        dims: (layers, rows, columns).
        width: channels before the last layer.
    """

    def __init__(self, n_noise: int, n_conditions: int, dims: Sequence[int], width: int = 32) -> None:
        super().__init__()
        self.dims = tuple(dims)
        self.sizes = [n_noise, n_conditions]
        start = [-(-(n + 2) // 8) for n in dims]
        self.read = nn.ModuleList(
            nn.ConvTranspose3d(size, 4 * width, start, bias=False) for size in self.sizes if size
        )
        steps: list[nn.Module] = []
        inputs = 4 * width * len(self.read)
        for number, outputs in enumerate((4 * width, 2 * width, width), 1):
            steps += [
                nn.ConvTranspose3d(inputs, outputs, 4, stride=2, padding=1, bias=False),
                nn.LayerNorm([n * 2**number for n in start]),
                nn.ReLU(),
            ]
            inputs = outputs
        self.steps = nn.Sequential(*steps, nn.ConvTranspose3d(width, 1, 3, padding=2, bias=False))

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, n_noise + n_conditions) to (n, *dims)."""
        parts = [part for part in inputs.split(self.sizes, dim=1) if part.shape[1]]
        read = [layer(part[:, :, None, None, None]) for layer, part in zip(self.read, parts, strict=True)]
        return _middle(self.steps(torch.cat(read, dim=1))[:, 0], self.dims)


def _middle(values: Tensor, sizes: Sequence[int]) -> Tensor:
    """The middle of the last axes, cut to `sizes`."""
    for axis, size in enumerate(sizes, values.dim() - len(sizes)):
        values = values.narrow(axis, (values.shape[axis] - size) // 2, size)
    return values
