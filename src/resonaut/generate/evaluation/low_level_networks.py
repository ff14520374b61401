"""Small networks that see all values of a row: cells of a shower, pixels of an image, points of a cloud.

Each takes the values of a batch without its last column (the target) and gives one number per row. Inputs are
scaled before.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

_INNER, _OUTER = 3, 2
_WIDTH = 64
_PUBLISHED = 2048


def windows(dims: Sequence[int]) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Where each cell stands when cells of one window stand together, and windows of one larger window too.

    A convolution whose windows do not overlap is then a product with a matrix, many times faster on a CPU.
    Windows have 3 cells along each axis, larger ones 2 windows; an axis that they do not fit is filled up.

    Args:
        dims: cells along each axis.

    Returns:
        (n_cells,) int64 new place of each cell, and how the places are laid out: larger windows, windows of
        each, cells of each.
    """
    step = _INNER * _OUTER
    blocks = [math.ceil(size / step) for size in dims]
    along = np.indices(tuple(dims)).reshape(len(dims), -1)
    place = np.zeros(along.shape[1], np.int64)
    parts = (along // step, along // _INNER % _OUTER, along % _INNER)
    for part, sizes in zip(parts, (blocks, [_OUTER] * len(dims), [_INNER] * len(dims)), strict=True):
        for axis, size in zip(part, sizes, strict=True):
            place = place * size + axis
    return place, (math.prod(blocks), _OUTER ** len(dims), _INNER ** len(dims))


class Cells(nn.Module):
    """A shower or image, cell by cell: two convolutions (see `windows`), then dense layers.

    Args:
        layout: of the cells, (larger windows, windows, cells) or (cells,), which get dense layers only.
        n_extra: further columns.
        published: dense layers of 2048 on all cells instead.
    """

    def __init__(self, layout: Sequence[int], n_extra: int, published: bool) -> None:
        super().__init__()
        hidden = _PUBLISHED if published else _WIDTH
        if published or len(layout) == 1:
            n_seen = hidden
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(layout), hidden), nn.ReLU())
        else:
            n_large, n_windows, n_cells = layout
            n_seen = 16 * n_large
            self.body = nn.Sequential(
                nn.Linear(n_cells, 8),
                nn.ReLU(),
                nn.Flatten(2),
                nn.Linear(8 * n_windows, 16),
                nn.ReLU(),
                nn.Flatten(),
            )
        self.first, self.extra = nn.Linear(n_seen, hidden), nn.Linear(n_extra, hidden)
        self.last = nn.Sequential(nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, cells: Tensor, extra: Tensor) -> Tensor:
        return self.last(self.first(self.body(cells)) + self.extra(extra))[:, 0]


class Points(nn.Module):
    """A set of points: dense layers on each, their mean and sum, dense layers (arXiv:1703.06114).

    Args:
        n_columns: of a point.
        n_extra: further columns.
        published: dense layers of 2048 behind the sums.
    """

    def __init__(self, n_columns: int, n_extra: int, published: bool) -> None:
        super().__init__()
        hidden = _PUBLISHED if published else _WIDTH
        sizes = (n_columns, _WIDTH, _WIDTH)
        layers = [(nn.Linear(*pair), nn.ReLU()) for pair in itertools.pairwise(sizes)]
        self.of_point = nn.Sequential(*itertools.chain(*layers))
        self.mean, self.sum = nn.Linear(_WIDTH, hidden), nn.Linear(_WIDTH, hidden)
        self.extra = nn.Linear(n_extra, hidden)
        self.last = nn.Sequential(nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, padded: Tensor, mask: Tensor, extra: Tensor) -> Tensor:
        points = self.of_point(padded) * mask[..., None]
        number, total = mask.sum(1, keepdim=True).clamp(min=1), points.sum(1)
        hidden = self.mean(total / number) + self.sum(total / 50) + self.extra(extra)
        return self.last(hidden)[:, 0]
