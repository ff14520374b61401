"""Conditional variational autoencoder of calorimeter showers (arXiv:1312.6114; conditions: 1406.5298, M2).

Visible energy and number of hits are drawn first, given the conditions (`ShowerSums`); encoder and decoder
are given both besides the conditions. Given the latent vector, cells are independent (`hurdle`): hit or not,
and the normal score of a hit's energy. A drawn shower has the number of hits and the visible energy that were
drawn for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from resonaut.nn.networks.cell_draws import fixed_number
from resonaut.nn.networks.dense import dense
from resonaut.nn.networks.hurdle import LOG_SCALE_RANGE, NormalScores, sparse_hurdle_nll
from resonaut.nn.networks.shower_sums import ShowerSums
from resonaut.nn.networks.vae import LOG_VARIANCE_RANGE, kl_divergence

_N_ENERGIES = 2_000_000
_LEAST = 1e-12


def _halved(side: int) -> int:
    return (side + 1) // 2


class LayerEncoder(nn.Module):
    """Hits and scores of all layers as channels of pictures, two convolutions of stride 2; (n, n_outputs).

    Args:
        shape: layers, rows, columns.
        width: channels after the first convolution; twice as many after the second.
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        layers, rows, columns = shape
        self.layers = nn.Sequential(
            nn.Conv2d(2 * layers, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.n_outputs = 2 * width * _halved(_halved(rows)) * _halved(_halved(columns))

    def forward(self, hit: Tensor, score: Tensor) -> Tensor:
        """Features of (n, layers, rows, columns)."""
        return self.layers(torch.cat([hit, score], dim=1)).flatten(1)


class LayerDecoder(nn.Module):
    """From a vector to some maps per layer: two transposed convolutions, and a number of its own per cell.

    Args:
        shape: layers, rows, columns.
        width: channels before the last layer.
        n_inputs: length of the vector.
        n_maps: per layer.
    """

    def __init__(self, shape: Sequence[int], width: int, n_inputs: int, n_maps: int = 3) -> None:
        super().__init__()
        layers, rows, columns = shape
        self.shape = (layers, rows, columns)
        self.middle = (_halved(rows), _halved(columns))
        self.least = (_halved(self.middle[0]), _halved(self.middle[1]))
        self.width = width
        self.start = nn.Linear(n_inputs, 2 * width * math.prod(self.least))
        self.first = nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1)
        self.second = nn.ConvTranspose2d(width, width, 3, stride=2, padding=1)
        self.last = nn.Conv2d(width, n_maps * layers, 1, bias=False)
        self.place = nn.Parameter(torch.zeros(n_maps, layers, rows, columns))

    def forward(self, hidden: Tensor) -> Tensor:
        """(n, n_inputs) to (n, n_maps, layers, rows, columns)."""
        maps = self.start(hidden).reshape(len(hidden), 2 * self.width, *self.least)
        maps = nn.functional.relu(self.first(nn.functional.relu(maps), output_size=self.middle))
        maps = nn.functional.relu(self.second(maps, output_size=self.shape[1:]))
        return self.last(maps).reshape(len(hidden), *self.place.shape) + self.place


class VoxelEncoder(nn.Module):
    """Hits and scores of voxels without a picture (cylindrical layers), one dense layer."""

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        self.n_outputs = 4 * width
        self.layers = dense([2 * math.prod(shape), self.n_outputs], last_activation=True)

    def forward(self, hit: Tensor, score: Tensor) -> Tensor:
        """Features of (n, voxels)."""
        return self.layers(torch.cat([hit, score], dim=1))


class VoxelDecoder(nn.Module):
    """From a vector to three values per voxel."""

    def __init__(self, shape: Sequence[int], width: int, n_inputs: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        n_voxels = math.prod(shape)
        self.layers = nn.Sequential(
            *dense([n_inputs, 4 * width], last_activation=True),
            nn.Linear(4 * width, 3 * n_voxels, bias=False),
        )
        self.place = nn.Parameter(torch.zeros(3, *self.shape))

    def forward(self, hidden: Tensor) -> Tensor:
        """(n, n_inputs) to (n, 3, voxels)."""
        return self.layers(hidden).reshape(len(hidden), 3, *self.shape) + self.place


class ShowerVAE(nn.Module):
    """The autoencoder.

    Args:
        shape: (layers, rows, columns), or (voxels,).
        conditions: names of the conditions of a shower.
        n_latent: length of the latent vector.
        width: channels of the convolutions.
        hidden: width of the dense layers before and after the latent vector.
    """

    def __init__(
        self,
        shape: Sequence[int],
        conditions: Sequence[str],
        n_latent: int = 16,
        width: int = 32,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.n_latent = n_latent
        self.sums = ShowerSums(conditions)
        self.scores = NormalScores()
        n_given = len(conditions) + 2
        in_layers = len(self.shape) == 3
        self.seen = (LayerEncoder if in_layers else VoxelEncoder)(self.shape, width)
        self.encoder = dense([self.seen.n_outputs + n_given, hidden, 2 * n_latent], last_activation=False)
        self.start = dense([n_latent + n_given, hidden, hidden], last_activation=True)
        self.decoder = (LayerDecoder if in_layers else VoxelDecoder)(self.shape, width, hidden)

    @torch.no_grad()
    def measure(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take the scales of all inputs, and start the decoder at the mean occupancy of each cell.

        Args:
            batches: (showers (n, *shape) in GeV, conditions (n, n_conditions)), again and again.
        """
        occupancy, n_showers = torch.zeros(self.shape), 0
        energies: list[Tensor] = []
        sums: list[tuple[Tensor, Tensor, Tensor]] = []
        n_energies = 0
        for dense_, conditions in batches:
            showers = dense_.cpu()
            hit = showers > 0
            occupancy += hit.sum(0)
            n_showers += len(showers)
            flat = showers.flatten(1)
            sums.append((flat.sum(1), hit.flatten(1).sum(1).float(), conditions.cpu()))
            if n_energies < _N_ENERGIES:
                energies.append(showers[hit])
                n_energies += len(energies[-1])
        self.scores.measure(torch.cat(energies))
        self.sums.measure(*(torch.cat(column) for column in zip(*sums, strict=True)))
        # One hit of half weight keeps the logit of cells that are never hit finite.
        self.decoder.place[0].copy_(torch.logit((occupancy + 0.5) / (n_showers + 1.0)))

    def _given(self, sums: Tensor, conditions: Tensor) -> Tensor:
        return torch.cat([self.sums.conditions(conditions), sums], dim=1)

    def _maps(self, latent: Tensor, given: Tensor) -> Tensor:
        """Logit of a hit, location and log scale of the score, (n, 3, n_cells)."""
        return self.decoder(self.start(torch.cat([latent, given], dim=1))).flatten(2)

    def loss(self, showers: Tensor, conditions: Tensor, kl_weight: float) -> Tensor:
        """Negative evidence lower bound of each shower given its conditions, up to a constant, (n,) nats.

        Args:
            showers: (n, *shape), GeV.
            conditions: (n, n_conditions).
            kl_weight: factor of the KL term (beta of arXiv:1804.03599); 1 is the bound itself.
        """
        flat = showers.flatten(1)
        at = (flat > 0).flatten().nonzero()[:, 0]
        hits = self.scores(flat.flatten()[at])
        hit, score = torch.zeros_like(flat.flatten()), torch.zeros_like(flat.flatten())
        hit[at], score[at] = 1.0, hits
        sums = self.sums.scaled(flat.sum(1), hit.reshape(flat.shape).sum(1))
        given = self._given(sums, conditions)
        seen = self.seen(hit.reshape(showers.shape), score.reshape(showers.shape))
        mean, log_variance = self.encoder(torch.cat([seen, given], dim=1)).chunk(2, dim=1)
        log_variance = log_variance.clamp(*LOG_VARIANCE_RANGE)
        latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        cells = sparse_hurdle_nll(at, hits, self._maps(latent, given))
        return cells + self.sums.nll(sums, conditions) + kl_weight * kl_divergence(mean, log_variance)

    @torch.no_grad()
    def sample(self, conditions: Tensor) -> Tensor:
        """Draw a shower for each row of (n, n_conditions), with torch's random state; (n, *shape), GeV."""
        visible, n_hits = self.sums.draw(conditions)
        n_hits = n_hits.clamp_max(math.prod(self.shape))
        latent = torch.randn(len(conditions), self.n_latent, device=conditions.device)
        given = self._given(self.sums.scaled(visible, n_hits), conditions)
        maps = self._maps(latent, given)
        owner, cell = fixed_number(maps[:, 0], n_hits).nonzero(as_tuple=True)
        location, log_scale = maps[owner, 1, cell], maps[owner, 2, cell].clamp(*LOG_SCALE_RANGE)
        drawn = location + log_scale.exp() * torch.randn_like(location)
        showers = torch.zeros_like(maps[:, 0])
        showers[owner, cell] = self._with_sum(self.scores.inverse(drawn), owner, visible)
        return showers.reshape(-1, *self.shape)

    def _with_sum(self, energy: Tensor, owner: Tensor, visible: Tensor) -> Tensor:
        """Energies of hits scaled above the least energy of a cell, so that their sums are `visible`."""
        least = self.scores.lowest.exp()
        above = energy - least
        n = torch.zeros_like(visible).index_add_(0, owner, torch.ones_like(energy))
        found = torch.zeros_like(visible).index_add_(0, owner, above)
        wanted = (visible - n * least).clamp_min(0)
        return least + above * (wanted / found.clamp_min(_LEAST * least))[owner]
