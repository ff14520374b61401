"""Bodies of critics, discriminators and encoders: from rows and what is known of them to a few numbers.

None has batch normalisation, so that each row is judged by itself, as a gradient penalty needs it. `maps`
gives what the convolutions (or the first dense layers) make of the rows, for losses that compare rows as the
critic sees them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_SLOPE = 0.2


class Body(nn.Module):
    """A critic: maps of the rows, joined with what else is known, then dense layers.

    Args:
        maps: (n, *dims) to (n, n_maps).
        n_maps: numbers that they give.
        n_given: numbers that are known of each row besides.
        width: of the dense layers.
        n_outputs: numbers per row.
        n_read: width of the layer that reads what is given; 0 for none.
    """

    def __init__(
        self, maps: nn.Module, n_maps: int, n_given: int, width: int, n_outputs: int = 1, n_read: int = 0
    ) -> None:
        super().__init__()
        self.maps = maps
        self.n_given = n_given
        self.read = nn.Identity()
        if n_read and n_given:
            self.read = nn.Sequential(nn.Linear(n_given, n_read), nn.LeakyReLU(_SLOPE))
            n_given = n_read
        self.judge = nn.Sequential(
            *(nn.Linear(n_maps + n_given, width), nn.LeakyReLU(_SLOPE)),
            *(nn.Linear(width, width), nn.LeakyReLU(_SLOPE)),
            nn.Linear(width, n_outputs),
        )

    def forward(self, rows: Tensor, given: Tensor) -> Tensor:
        """(n, *dims) and (n, n_given) to (n, n_outputs)."""
        return self.judge(torch.cat([self.maps(rows), self.read(given)], dim=1))


def dense_critic(dims: Sequence[int], n_given: int, width: int, n_outputs: int = 1) -> Body:
    """For features and for cells that have no grid."""
    maps = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(dims), width), nn.LeakyReLU(_SLOPE))
    return Body(maps, width, n_given, width, n_outputs)


def planar_critic(dims: Sequence[int], n_given: int, width: int, n_outputs: int = 1) -> Body:
    """Convolutions of stride two in the plane of the last two axes; layers are channels.

    Args:
        dims: (rows, columns) or (layers, rows, columns), 4 or more cells along rows and columns.
        n_given: numbers that are known of each row besides.
        width: channels of the first convolution; dense layers have four times as many.
        n_outputs: numbers per row.
    """
    n_layers = dims[0] if len(dims) == 3 else 1
    steps: list[nn.Module] = [nn.Unflatten(1, (1, dims[0]))] if len(dims) == 2 else []
    inputs, sizes = n_layers, list(dims[-2:])
    for outputs in (width, 2 * width, 2 * width):
        if min(sizes) < 4:
            break
        steps += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
        inputs, sizes = outputs, [size // 2 for size in sizes]
    maps = nn.Sequential(*steps, nn.Flatten())
    return Body(maps, inputs * math.prod(sizes), n_given, 4 * width, n_outputs, 4 * width)


def volume_critic(dims: Sequence[int], n_given: int, width: int = 32, n_outputs: int = 1) -> Body:
    """Convolutions in three axes with layer norms, as the critic of arXiv:2005.05334, section 3.2.

    With one condition and 30 x 30 x 30 cells it has 250,000 parameters.

    Args:
        dims: (layers, rows, columns).
        n_given: numbers that are known of each row besides.
        width: channels of the first convolution.
        n_outputs: numbers per row.
    """
    steps: list[nn.Module] = [nn.Unflatten(1, (1, dims[0]))]
    inputs, sizes = 1, list(dims)
    for outputs in (width, 2 * width, 2 * width):
        sizes = [(size + 1) // 2 for size in sizes]
        steps += [
            nn.Conv3d(inputs, outputs, 3, stride=2, padding=1),
            nn.LayerNorm(sizes),
            nn.LeakyReLU(_SLOPE),
        ]
        inputs = outputs
    sizes = [size // 2 for size in sizes]
    steps += [nn.Conv3d(inputs, inputs, 2, stride=2), nn.LeakyReLU(_SLOPE), nn.Flatten()]
    return Body(nn.Sequential(*steps), inputs * math.prod(sizes), n_given, 2 * width, n_outputs, 2 * width)
