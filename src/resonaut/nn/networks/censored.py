"""Sparse, positive rows (pictures, showers) as a censored scale on which generators and critics work.

u = ln(x / least) of a value above `least`, and 0 below: a value at the threshold is next to none at all, so
that a ReLU at the end of a generator gives exact zeros (the model of J. Tobin, doi:10.2307/1907382). Sums
over layers and over everything, soft numbers of hits and the transverse spread are given to critics besides:
what is looked at first, and what convolutions find last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_SOFTNESS = 0.2
_TINY = 1e-12
_FEW = 20
_BISECTIONS = 40
_LEAST_QUANTILE = 0.002


class Censored(nn.Module):
    """Between values and their censored scale.

    Args:
        threshold: smallest value, in the units of the values; None: taken from the rows.
        normalise: rows have sum 1.
    """

    least: Tensor
    most: Tensor

    def __init__(self, threshold: float | None, normalise: bool) -> None:
        super().__init__()
        self.given = threshold
        self.normalise = normalise
        self.register_buffer("least", torch.tensor(1.0 if threshold is None else threshold))
        self.register_buffer("most", torch.tensor(math.inf))

    def measure(self, values: Tensor) -> None:
        """Take the threshold from values, (n, ...), where none is given: 0.2 % of all hits are below it.

        No generated value will be above e times the largest of these.
        """
        if self.given is None:
            hits = values[values > 0].double().sort().values
            self.least.copy_(hits[int(_LEAST_QUANTILE * len(hits))] if len(hits) else 1.0)
        self.most.copy_(self.encode(values).max() + 1)

    def encode(self, values: Tensor) -> Tensor:
        """Values (n, ...) on the censored scale."""
        return (values.clamp_min(self.least) / self.least).log()

    def censor(self, u: Tensor) -> Tensor:
        """What a generator gives, (n, ...) of any sign, as a row on the censored scale.

        Where rows have sum 1, the largest value is above the threshold and the sum is made 1; values that
        fall below the threshold by that are lost.
        """
        if not self.normalise:
            return u.clamp(min=0).minimum(self.most)
        rows = u.flatten(1).minimum(self.most)
        # Without any hit there is no sum: the largest value becomes one.
        rows = rows + (1 - rows.amax(1, keepdim=True)).clamp_min(0)
        total = (self.least * torch.where(rows > 0, rows.exp(), 0)).sum(1, keepdim=True)
        return (rows - total.log()).relu().reshape(u.shape)

    def decode(self, u: Tensor) -> Tensor:
        """Values of rows on the censored scale, exact zeros included."""
        values = torch.where(u > 0, self.least * u.exp(), 0)
        if self.normalise:
            total = values.flatten(1).sum(1).clamp_min(_TINY)
            values = values / total.reshape(-1, *[1] * (u.dim() - 1))
        return values


class Sums(nn.Module):
    """Sums of rows on the censored scale, which critics see besides the rows.

    For each layer the logarithm of its sum and the square root of its soft number of hits; the same of all
    layers; of rows with two axes or more the spread in the plane of the last two.

    Args:
        dims: of one row.
        layer_sizes: cells of each layer, one behind the other.
    """

    def __init__(self, dims: Sequence[int], layer_sizes: Sequence[int], n_conditions: int) -> None:
        super().__init__()
        self.layer_sizes = list(layer_sizes)
        self.flat = len(dims) < 2
        self.n_outputs = 2 * len(layer_sizes) + 2 + (not self.flat)
        if not self.flat:
            rows, columns = dims[-2:]
            y, x = torch.meshgrid(
                torch.arange(rows) - (rows - 1) / 2, torch.arange(columns) - (columns - 1) / 2, indexing="ij"
            )
            self.register_buffer("place", torch.stack([x, y, x**2 + y**2]).flatten(1), persistent=False)
        self.register_buffer("mean", torch.zeros(self.n_outputs))
        self.register_buffer("width", torch.ones(self.n_outputs))
        self.register_buffer("slope", torch.zeros(1 + 2 * n_conditions, self.n_outputs))
        self.register_buffer("rest_width", torch.ones(self.n_outputs))

    def raw(self, u: Tensor) -> Tensor:
        """(n, *dims) to (n, n_outputs), not scaled."""
        cells = u.flatten(1)
        energy = torch.where(cells > 0, cells.exp(), 0)
        hit = 1 - (-cells / _SOFTNESS).exp()
        layers = torch.stack([part.sum(1) for part in energy.split(self.layer_sizes, 1)], dim=1)
        hits = torch.stack([part.sum(1) for part in hit.split(self.layer_sizes, 1)], dim=1)
        total = layers.sum(1, keepdim=True)
        # A root of 0 has no slope.
        roots = (torch.cat([hits, hits.sum(1, keepdim=True)], dim=1) + _SOFTNESS).sqrt()
        found = [torch.log1p(layers), torch.log1p(total), roots]
        if not self.flat:
            plane = energy.unflatten(1, (-1, self.place.shape[1])).sum(1)
            x, y, square = (plane @ self.place.T / total.clamp_min(1)).unbind(1)
            found.append(((square - x**2 - y**2).clamp_min(0) + _SOFTNESS).sqrt()[:, None])
        return torch.cat(found, dim=1)

    def measure(self, u: Tensor, conditions: Tensor) -> None:
        """Take scales from rows on the censored scale and their scaled conditions.

        The sums' dependence on conditions is fitted with a parabola in each, so that `rest` has width 1 at
        fixed conditions: a shift by a resolution is large there, however wide the range of energies.
        """
        raw = self.raw(u).double()
        width = raw.std(0, correction=0)
        self.mean.copy_(raw.mean(0))
        self.width.copy_(torch.where(width > 1e-6, width, torch.ones_like(width)))
        scaled = (raw - self.mean) / self.width
        terms = _terms(conditions).double()
        # With a rank that is not full (classes) this is the shortest solution.
        slope = torch.linalg.pinv(terms.cpu()).to(terms) @ scaled
        self.slope.copy_(slope)
        rest = (scaled - terms @ slope).std(0, correction=0)
        self.rest_width.copy_(torch.where(rest > 1e-3, rest, torch.ones_like(rest)))

    def scaled(self, u: Tensor) -> Tensor:
        """(n, *dims) to (n, n_outputs), of mean 0 and width 1 over all rows."""
        return (self.raw(u) - self.mean) / self.width

    def rest(self, u: Tensor, conditions: Tensor) -> Tensor:
        """As `scaled`, but of mean 0 and width 1 at given conditions (n, n_conditions), scaled."""
        return (self.scaled(u) - _terms(conditions) @ self.slope) / self.rest_width


def _terms(conditions: Tensor) -> Tensor:
    one = conditions.new_ones(len(conditions), 1)
    return torch.cat([one, conditions, conditions.square()], dim=1)


class CensoredCells(nn.Module):
    """The end of a generator of sparse rows: a scale, an offset and noise for each cell.

    u = a (f + b + d c + s noise), with scaled conditions c and normal noise (in each cell: arXiv:1812.04948,
    section 3.2). With f = 0 it begins with every cell's own occupancy and mean and their dependence on the
    conditions; the generator before it learns how cells go together.

    Args:
        dims: of one row.
        n_conditions: of a row.
    """

    def __init__(self, dims: Sequence[int], n_conditions: int) -> None:
        super().__init__()
        self.dims = tuple(dims)
        n_cells = math.prod(dims)
        self.log_scale = nn.Parameter(torch.zeros(n_cells))
        self.offset = nn.Parameter(torch.zeros(n_cells))
        self.slope = nn.Parameter(torch.zeros(n_conditions, n_cells))
        self.noise = nn.Parameter(torch.ones(n_cells))

    @torch.no_grad()
    def measure(self, u: Tensor, conditions: Tensor) -> None:
        """Begin with the cells of rows on the censored scale, (n, *dims), and their scaled conditions.

        b is the quantile of the occupancy. With the normal distribution Phi, the mean of exp(u) over hits,
        exp(a b + a^2 / 2) Phi(a + b), is made that of the rows, and the slope of the mean of max(0, u) in b
        is a Phi(b) (J. McDonald and R. Moffitt, doi:10.2307/1924766).
        """
        cells = u.flatten(1)
        occupancy = ((cells > 0).sum(0) + 0.5).double() / (len(cells) + 1)
        offset = torch.special.ndtri(occupancy)
        mean = torch.where(cells > 0, cells.exp(), 0).mean(0).double()
        scale = _scale_of_mean(offset, mean.maximum(occupancy))
        terms = torch.cat([conditions.new_ones(len(cells), 1), conditions], dim=1)
        slope = (torch.linalg.pinv(terms.double().cpu()).to(cells) @ cells)[1:] / (scale * occupancy)
        # Where a cell is seldom hit the slope is noise.
        slope = torch.where(occupancy * len(cells) > _FEW, slope, 0).clamp(-3, 3)
        explained = slope.square().sum(0)
        self.offset.copy_(offset)
        self.log_scale.copy_(scale.log())
        self.slope.copy_(slope)
        self.noise.copy_((1 - explained).clamp_min(0.1).sqrt())

    def forward(self, f: Tensor, conditions: Tensor) -> Tensor:
        """(n, *dims) of order one and scaled conditions to (n, *dims), of any sign."""
        cells = f.flatten(1) + self.offset + conditions @ self.slope
        cells = self.log_scale.exp() * (cells + self.noise * torch.randn_like(cells))
        return cells.reshape(-1, *self.dims)


def _scale_of_mean(offset: Tensor, mean: Tensor) -> Tensor:
    """a of exp(a b + a^2 / 2) Phi(a + b) = mean, which rises with a, by bisection; all (n_cells,)."""
    low, high = torch.full_like(offset, 0.05), torch.full_like(offset, 5.0)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        found = (middle * offset + 0.5 * middle.square()).exp() * torch.special.ndtr(middle + offset)
        low, high = torch.where(found < mean, middle, low), torch.where(found < mean, high, middle)
    return 0.5 * (low + high)
