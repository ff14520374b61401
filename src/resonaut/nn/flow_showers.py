"""Showers in two factors: energies and hits of layers, then the shape given these (arXiv:2405.09629).

An image is a shower of one layer. The number of hits of a layer is part of the first factor: the second keeps
as many of its largest cells, so numbers of hits and layer energies are those of the first factor.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut.nn.flow_layers import LayerSums, share_of, stretched
from resonaut.nn.networks.dense import Standardise
from resonaut.nn.networks.flow_matching import FlowMatching
from resonaut.nn.networks.patch_transformer import cells_of_layers
from resonaut.nn.networks.velocity import ConditionScale

_LEAST = 1e-30
_LEAST_WIDTH = 0.3
"""Of the deviation of all cells, the least that one cell is scaled by."""


class TwoFactors(nn.Module):
    """Cells of showers given conditions.

    Args:
        layer: (n_cells,) layer of each cell, rising.
        patches: (n_patches, patch) cells, -1 for none.
        n_conditions: columns of the conditions.
        incident: number of the column of the incident energy, if there is one.
        sums: flow matching of 2 n_layers numbers, given `conditions.n_outputs` numbers.
        cells: flow matching of (n_patches, patch) numbers, given these and 2 n_layers more, before them.
        square: layers, rows and columns of a grid whose eight symmetries are learnt from; None for none.
        dims: of one shower as it is drawn; None for (n_cells,).
        unit_sum: whether the cells of each sum up to 1, as those of normalised images.
    """

    def __init__(
        self,
        layer: Tensor,
        patches: Tensor,
        n_conditions: int,
        incident: int | None,
        sums: FlowMatching,
        cells: FlowMatching,
        square: Sequence[int] | None = None,
        dims: Sequence[int] | None = None,
        unit_sum: bool = False,
    ) -> None:
        super().__init__()
        self.dims = (len(layer),) if dims is None else tuple(dims)
        self.unit_sum = unit_sum
        self.incident = incident
        self.square = square
        self.n_layers = int(layer[-1]) + 1
        rows = nn.utils.rnn.pad_sequence(cells_of_layers(layer), batch_first=True, padding_value=-1)
        self.register_buffer("layer", layer, persistent=False)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("patches", patches, persistent=False)
        place = torch.empty(len(layer), dtype=torch.int64)
        known = patches.flatten() >= 0
        place[patches.flatten()[known]] = known.nonzero()[:, 0]
        self.register_buffer("place", place, persistent=False)
        self.conditions = ConditionScale(n_conditions)
        self.layers = LayerSums(self.n_layers)
        self.scale = Standardise(len(layer))
        self.sums = sums
        self.cells = cells

    # -- what is learnt --------------------------------------------------------------------------------------

    def layer_sums(self, dense: Tensor) -> tuple[Tensor, Tensor]:
        """Energies and numbers of hits of the layers, (n, n_layers) each, of showers (n, ...)."""
        flat = dense.flatten(1)
        empty = flat.new_zeros(len(flat), self.n_layers)
        energy = empty.index_add(1, self.layer, flat)
        return energy, empty.index_add(1, self.layer, (flat > 0).to(flat))

    def incident_energy(self, conditions: Tensor) -> Tensor:
        """Incident energy, (n,) GeV; 1 where it is no condition."""
        if self.incident is None:
            return conditions.new_ones(len(conditions))
        return conditions[:, self.incident]

    @torch.no_grad()
    def measure(self, dense: Tensor, sums: Tensor, conditions: Tensor, threshold: float) -> None:
        """Take the constants from what is learnt.

        Args:
            dense: (n, ...) some showers, GeV.
            sums: (n_showers, 2 n_layers) energies and hits of the layers of all.
            conditions: (n_showers, n_conditions) of all.
            threshold: least energy of a hit, GeV.
        """
        self.conditions.measure(conditions)
        energy, hits = sums.chunk(2, dim=1)
        sizes = torch.bincount(self.layer).to(energy)
        self.layers.measure(energy, hits, self.incident_energy(conditions), threshold, sizes)
        if self.square is not None:
            dense = _turned(dense.reshape(-1, *self.square))
        flat = dense.flatten(1)
        values = self._stretched(flat, self.layer_sums(flat)[0])
        self.scale.measure(values)
        # A cell that is hardly ever hit would have hits far outside of what networks like.
        least = _LEAST_WIDTH * float(values.std())
        self.scale.width.copy_((self.scale.width.square() + least**2).sqrt())

    def _stretched(self, flat: Tensor, energy: Tensor) -> Tensor:
        return stretched(flat / energy.clamp_min(_LEAST)[:, self.layer])

    def prepared_sums(self, sums: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """What the first factor learns from, and its context; sums (n, 2 n_layers): energies, then hits."""
        energy, hits = sums.chunk(2, dim=1)
        return self.layers(energy, hits, self.incident_energy(conditions)), self.conditions(conditions)

    def prepared_cells(
        self, dense: Tensor, conditions: Tensor, *, turned: bool = False
    ) -> tuple[Tensor, Tensor]:
        """What the second factor learns from, (n, n_patches, patch), and its context.

        Args:
            dense: (n, ...) showers, GeV.
            conditions: (n, n_conditions).
            turned: whether each is put under a random symmetry of the `square`.
        """
        if turned and self.square is not None:
            dense = _turned(dense.reshape(-1, *self.square))
        energy, hits = self.layer_sums(dense)
        values = self.scale(self._stretched(dense.flatten(1), energy))
        tokens = values[:, self.patches.clamp_min(0)] * self.known
        return tokens, self.context(energy, hits, conditions)

    @property
    def known(self) -> Tensor:
        """True where a place of a patch is a cell, (n_patches, patch)."""
        return self.patches >= 0

    def context(self, energy: Tensor, hits: Tensor, conditions: Tensor) -> Tensor:
        """Context of the second factor: numbers of the layers, then of the conditions."""
        return torch.cat([self.layers.context(energy, hits), self.conditions(conditions)], dim=1)

    # -- draws -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def draw_sums(self, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (GeV) and numbers of hits of layers, (n, n_layers) each."""
        noise = torch.randn(len(conditions), 2 * self.n_layers, device=conditions.device)
        values = self.sums.draw(noise, self.conditions(conditions))
        energy, hits = self.layers.inverse(values, self.incident_energy(conditions))
        if self.unit_sum:
            hits = hits.clamp_min(1)
            energy = torch.ones_like(energy)
        return energy, hits

    @torch.no_grad()
    def draw_cells(self, energy: Tensor, hits: Tensor, conditions: Tensor) -> Tensor:
        """Cells of layers of these energies and hits, (n, n_cells) GeV."""
        noise = torch.randn(len(conditions), *self.patches.shape, device=conditions.device) * self.known
        tokens = self.cells.draw(noise, self.context(energy, hits, conditions))
        values = tokens.flatten(1)[:, self.place]
        return self._with_sums(share_of(values * self.scale.width + self.scale.mean), energy, hits)

    def sample(self, conditions: Tensor) -> Tensor:
        """A shower for each row of conditions, (n, *dims) GeV."""
        return self.draw_cells(*self.draw_sums(conditions), conditions).reshape(-1, *self.dims)

    def _with_sums(self, share: Tensor, energy: Tensor, hits: Tensor) -> Tensor:
        """The largest cells of each layer, as many as it has hits, with its energy; `threshold` at least."""
        rows = functional.pad(share, (0, 1), value=-1.0)[:, self.rows]
        most = max(1, int(hits.max()))
        number = torch.arange(most, device=share.device)
        largest, where = rows.topk(most, dim=2)
        kept = number < hits[..., None]
        threshold = self.layers.threshold
        above = torch.where(kept, largest * energy[..., None] / _sum(largest * kept) - threshold, 0)
        above = above.clamp_min(0)
        free = (energy - hits * threshold)[..., None].clamp_min(0)
        equal = free / hits[..., None].clamp_min(1)
        above = torch.where(_sum(above) > _LEAST, above * (free / _sum(above)), equal)
        found = torch.where(kept, threshold + above, 0)
        cells = self.rows.expand(len(share), -1, -1).gather(2, where)
        flat = share.new_zeros(len(share), share.shape[1] + 1)
        cells = torch.where(kept, cells, share.shape[1])
        return flat.scatter_(1, cells.flatten(1), found.flatten(1))[:, :-1]


def _sum(values: Tensor) -> Tensor:
    return values.sum(2, keepdim=True).clamp_min(_LEAST)


def _turned(dense: Tensor) -> Tensor:
    """Each shower (n, layers, rows, columns) under one of the eight symmetries of the square, at random."""
    flips = torch.rand(3, len(dense), 1, 1, 1, device=dense.device) < 0.5
    dense = torch.where(flips[0], dense.flip(2), dense)
    dense = torch.where(flips[1], dense.flip(3), dense)
    return torch.where(flips[2], dense.transpose(2, 3), dense)
