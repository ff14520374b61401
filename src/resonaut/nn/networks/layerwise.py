"""Showers layer by layer: the cells of a layer given those before it, its energy and its number of hits.

Given what came before, the cells of a layer are independent: each is hit with a probability, and the energy
of a hit follows a mixture of log-normals above the threshold. So a shower has a likelihood, training needs no
recurrence (all layers at once, from the true layers before), and a draw is two small convolutions per layer.
The order over layers is that of arXiv:2305.11934; energies and hits of the layers and the moments across
come first, from `LayerTotals`, as in the two factors of arXiv:2405.09629. A layer is told the width of the
shower, and what centre of gravity is left for it and those behind it: without, its cells do not know of each
other, and the centre of gravity of a shower would scatter by two thirds of what it does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut.nn.networks.cell_draws import fixed_number, gumbel
from resonaut.nn.networks.tilts import tilted_cells

N_MOMENTS = 5
_N_EMBEDDED = 8
_N_CONTEXT = 9 + N_MOMENTS
_LOG_SCALE_RANGE = (-4.0, 1.5)
_SUM_STEPS = 3
_LEAST = 1e-12


class Cells(nn.Module):
    """Hit probability and energies of the cells of a layer.

    Args:
        shape: layers, rows, columns.
        threshold: cells without as much energy are no hits, GeV.
        n_conditions: conditions of a shower.
        width: channels of the convolutions.
        components: of the mixture.
    """

    def __init__(
        self,
        shape: Sequence[int],
        threshold: float,
        n_conditions: int,
        width: int = 16,
        components: int = 4,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.threshold = threshold
        self.components = components
        layers, rows, columns = self.shape
        y, x = torch.meshgrid(
            torch.arange(rows) - (rows - 1) / 2, torch.arange(columns) - (columns - 1) / 2, indexing="ij"
        )
        powers = torch.stack([x, y, x**2, y**2], dim=-1).reshape(-1, 4)
        self.register_buffer("powers", powers, persistent=False)
        for name in ("condition_mean", "condition_width"):
            self.register_buffer(name, torch.zeros(n_conditions))
        self.condition_width.fill_(1)
        self.embedding = nn.Embedding(layers, _N_EMBEDDED)
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.place = nn.Parameter(torch.zeros(rows * columns, width))
        self.place_logit = nn.Parameter(torch.zeros(layers, rows * columns))
        self.context = nn.Sequential(
            nn.Linear(_N_EMBEDDED + _N_CONTEXT + n_conditions, 64), nn.GELU(), nn.Linear(64, 4 * width)
        )
        self.hit = nn.Linear(width, 1)
        self.energies = nn.Sequential(nn.Linear(width, 48), nn.GELU(), nn.Linear(48, 3 * components))
        nn.init.zeros_(self.hit.weight)
        nn.init.zeros_(self.hit.bias)

    @torch.no_grad()
    def measure(self, occupancy: Tensor, conditions: Tensor) -> None:
        """Start at the mean occupancy of cells, (layers, rows * columns); take the scale of conditions."""
        self.place_logit.copy_(torch.logit(occupancy.clamp(1e-4, 1 - 1e-4)))
        self.condition_mean.copy_(conditions.mean(0))
        self.condition_width.copy_(conditions.std(0).clamp_min(1e-6))

    def hidden(
        self,
        layer: Tensor,
        before: Tensor,
        second_before: Tensor,
        total: Tensor,
        sums: Tensor,
        left: Tensor,
        moments: Tensor,
        given: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Hidden values of each cell (n, rows * columns, width) and logits of a hit (n, rows * columns).

        Channels come last in memory: a convolution of so few runs several times faster so on a CPU.

        Args:
            layer: (n,) number of the layer.
            before, second_before, total: (n, rows * columns) energies of the layer before, of the one before
                that, and of all layers before; GeV.
            sums: (n, 2) energy (GeV) and hits of the layer.
            left: (n, 2) centre of gravity of this layer and those behind it, in cells.
            moments: (n, 5) of the whole shower, see `moments`.
            given: (n, n_conditions).
        """
        _, rows, columns = self.shape
        maps = torch.stack([before, second_before, total], dim=-1)
        maps = torch.log1p(maps / self.threshold).reshape(-1, rows, columns, 3).permute(0, 3, 1, 2)
        film = self.context(self._context(layer, before, total, sums, left, moments, given))[
            :, :, None, None
        ].chunk(4, dim=1)
        place = self.place.reshape(1, rows, columns, -1).permute(0, 3, 1, 2)
        maps = torch.addcmul(film[1], self.first(maps) + place, 1 + film[0]).relu()
        maps = torch.addcmul(film[3], self.second(maps), 1 + film[2]).relu()
        hidden = maps.permute(0, 2, 3, 1).flatten(1, 2)
        return hidden, self.hit(hidden)[..., 0] + self.place_logit[layer]

    def _context(
        self,
        layer: Tensor,
        before: Tensor,
        total: Tensor,
        sums: Tensor,
        left: Tensor,
        moments: Tensor,
        given: Tensor,
    ) -> Tensor:
        t = self.threshold
        columns = [torch.log1p(sums[:, 0] / t), sums[:, 1].sqrt(), sums[:, 1] / 20]
        for energy in (before, total):
            sum_ = energy.sum(1)
            x, y, xx, yy = (energy @ self.powers / sum_.clamp_min(_LEAST)[:, None]).unbind(1)
            spread = (xx + yy - x**2 - y**2).clamp_min(0).sqrt()
            columns += [torch.log1p(sum_ / t), (x**2 + y**2).sqrt(), spread]
        # Behind the core the centre is that of a few hits far out: its order of magnitude is enough.
        columns += (10 * left).asinh().unbind(1)
        columns += (3 * moments[:, 2:].clamp_min(_LEAST).log()).unbind(1)
        scaled = (given - self.condition_mean) / self.condition_width
        return torch.cat([self.embedding(layer), torch.stack(columns, dim=1), scaled], dim=1)

    def mixture(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log weight, mean and log width of each component of ln(E / threshold - 1), (n_hits, components)."""
        weight, mean, log_width = self.energies(hidden).chunk(3, dim=-1)
        return weight.log_softmax(-1), mean, log_width.clamp(*_LOG_SCALE_RANGE)

    def loss(self, dense: Tensor, conditions: Tensor, n_layers: int) -> Tensor:
        """Minus the log likelihood per layer, of some random layers, (n,) nats.

        Args:
            dense: (n, layers, rows, columns), GeV.
            conditions: (n, n_conditions).
            n_layers: layers of each shower that count in this step.
        """
        layers = self.shape[0]
        cells = dense.flatten(2)
        chosen = torch.rand(len(cells), layers, device=cells.device).argsort(1)[:, :n_layers]
        shower = torch.arange(len(cells), device=cells.device)[:, None].expand_as(chosen).flatten()
        layer = chosen.flatten()
        target = cells[shower, layer]
        padded = functional.pad(cells, (0, 0, 2, 0))
        total = functional.pad(cells.cumsum(1), (0, 0, 1, 0))
        hit = target > 0
        energies = cells.sum(2)
        first = cells @ self.powers[:, :2]
        left = first.flip(1).cumsum(1).flip(1)
        left = left / energies.flip(1).cumsum(1).flip(1).clamp_min(_LEAST)[..., None]
        sums = torch.stack([target.sum(1), hit.sum(1).to(target)], dim=1)
        hidden, logit = self.hidden(
            layer,
            padded[shower, layer + 1],
            padded[shower, layer],
            total[shower, layer],
            sums,
            left[shower, layer],
            self.moments(dense)[shower],
            conditions[shower],
        )
        found = functional.binary_cross_entropy_with_logits(logit, hit.to(logit), reduction="none").sum(1)
        where = hit.nonzero()
        weight, mean, log_width = self.mixture(hidden[where[:, 0], where[:, 1]])
        value = (target[where[:, 0], where[:, 1]] / self.threshold - 1).clamp_min(1e-4).log()[:, None]
        density = weight - log_width - 0.5 * ((value - mean) / log_width.exp()) ** 2
        found = found.index_add(0, where[:, 0], -density.logsumexp(-1) + 0.5 * math.log(2 * math.pi))
        return found.reshape(chosen.shape).mean(1)

    def moments(self, dense: Tensor) -> Tensor:
        """Means over the energy of x, y, their variances, and the distance from the means, (n, 5), in cells.

        Args:
            dense: (n, layers, rows, columns).
        """
        energy = dense.flatten(2).sum(1)
        share = energy / energy.sum(1, keepdim=True).clamp_min(_LEAST)
        x, y = self.powers[:, :2].T
        centre = share @ self.powers[:, :2]
        away = (x - centre[:, :1]) ** 2, (y - centre[:, 1:]) ** 2
        spread = [(share * part).sum(1) for part in (*away, (away[0] + away[1]).sqrt())]
        return torch.cat([centre, torch.stack(spread, dim=1)], dim=1)

    @torch.no_grad()
    def draw(self, sums: Tensor, moments: Tensor, conditions: Tensor) -> Tensor:
        """Draw cells with these sums in each layer and these moments.

        Args:
            sums: (n, layers, 2) energy (GeV) and hits of each layer; at least `threshold` per hit.
            moments: (n, 5) of the whole shower, see `moments`.
            conditions: (n, n_conditions).

        Returns:
            (n, layers, rows, columns), GeV.
        """
        layers, rows, columns = self.shape
        n = len(sums)
        cells = sums.new_zeros(n, layers + 2, rows * columns)
        total = sums.new_zeros(n, rows * columns)
        behind = sums[..., 0].flip(1).cumsum(1).flip(1)
        wanted = moments[:, :2] * behind[:, :1]
        for layer in range(layers):
            number = torch.full((n,), layer, device=sums.device)
            left = (wanted - total @ self.powers[:, :2]) / behind[:, layer : layer + 1].clamp_min(_LEAST)
            hidden, logit = self.hidden(
                number, cells[:, layer + 1], cells[:, layer], total, sums[:, layer], left, moments, conditions
            )
            hit = fixed_number(logit, sums[:, layer, 1])
            where = hit.nonzero()
            weight, mean, log_width = self.mixture(hidden[where[:, 0], where[:, 1]])
            component = (weight + gumbel(weight)).argmax(-1, keepdim=True)
            width = log_width.gather(1, component)[:, 0].exp()
            value = mean.gather(1, component)[:, 0] + width * torch.randn_like(width)
            above = self.threshold * value.clamp_max(12.0).exp()
            energy = self._with_sum(above, width, where[:, 0], sums[:, layer])
            cells[where[:, 0], layer + 2, where[:, 1]] = energy
            total += cells[:, layer + 2]
        return self._with_moments(cells[:, 2:], moments).reshape(n, layers, rows, columns)

    def _with_moments(self, cells: Tensor, moments: Tensor) -> Tensor:
        """Cells (n, layers, rows * columns) with the moments given; sums of layers stay."""
        shower, layer, cell = cells.nonzero().unbind(1)
        number = torch.bincount(shower, minlength=len(cells))
        place = torch.arange(len(shower), device=cells.device) - (number.cumsum(0) - number)[shower]
        # One row of hits for each shower, filled up with hits without energy.
        rows = cells.new_zeros(len(cells), int(number.max()) if len(number) else 0)
        energy = rows.index_put((shower, place), cells[shower, layer, cell])
        floor = energy.clamp_max(self.threshold)
        layers = rows.long().index_put((shower, place), layer)
        away = self.powers[rows.long().index_put((shower, place), cell), :2] - moments[:, None, :2]
        powers = torch.cat([away, away**2, away.square().sum(2, keepdim=True).sqrt()], dim=2)
        wanted = functional.pad(moments[:, 2:], (2, 0)) * energy.sum(1, keepdim=True)
        wanted = wanted - (floor[..., None] * powers).sum(1)
        over = energy - floor
        sums = cells.new_zeros(cells.shape[:2]).scatter_add(1, layers, over)
        tilted = floor + tilted_cells(over, layers, sums, powers, wanted)
        return cells.index_put((shower, layer, cell), tilted[shower, place])

    def _with_sum(self, above: Tensor, width: Tensor, owner: Tensor, sums: Tensor) -> Tensor:
        """Energies whose sum in the layer is that given.

        What is missing is shared by the variances, as it would be among normal variables of a known sum; the
        threshold is a floor.

        Args:
            above: (n_hits,) drawn energies over the threshold, GeV.
            width: (n_hits,) standard deviation of their logarithms.
            owner: (n_hits,) shower of each.
            sums: (n, 2).
        """
        wanted = (sums[:, 0] - self.threshold * sums[:, 1]).clamp_min(0)
        for _ in range(_SUM_STEPS):
            variance = (above * width) ** 2 + _LEAST * self.threshold**2
            missing = wanted - wanted.new_zeros(len(wanted)).index_add_(0, owner, above)
            norm = wanted.new_zeros(len(wanted)).index_add_(0, owner, variance)
            above = (above + variance * (missing / norm)[owner]).clamp_min(0)
        found = wanted.new_zeros(len(wanted)).index_add_(0, owner, above)
        return self.threshold + above * (wanted / found.clamp_min(_LEAST * self.threshold))[owner]
