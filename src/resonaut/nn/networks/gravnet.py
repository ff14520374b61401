"""GravNet: neighbours in a learned space, for shares of the hits of a calorimeter (arXiv:1902.07987)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut.nn.networks.dense import Standardise, dense
from resonaut.nn.networks.masked import MaskedBatchNorm, masked_mean
from resonaut.nn.networks.particlenet import nearest_neighbours

_STEEPNESS = 10.0
"""Of the weight exp(-10 d^2) of a neighbour at distance d (arXiv:1902.07987, section 4)."""


class GravNetLayer(nn.Module):
    """Coordinates and features of each hit are learned; neighbours in the coordinates give their features.

    A neighbour at distance d gives exp(-10 d^2) times its features; their mean and their maximum stand beside
    the inputs in a dense layer with tanh (arXiv:1902.07987, section 4). The largest tensor has
    n_hits * k * n_learned values for each shower, the squared distances n_hits^2.

    Args:
        n_features: inputs of each hit.
        n_coordinates: of the learned space.
        n_learned: features that neighbours give.
        k: neighbours of each hit.
        n_outputs: of each hit.
    """

    def __init__(self, n_features: int, n_coordinates: int, n_learned: int, k: int, n_outputs: int) -> None:
        super().__init__()
        self.k = k
        self.coordinates = nn.Linear(n_features, n_coordinates)
        self.learned = nn.Linear(n_features, n_learned)
        self.output = nn.Linear(n_features + 2 * n_learned, n_outputs)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """New features of each hit.

        Args:
            values: (n_showers, n_hits, n_features), finite.
            mask: (n_showers, n_hits).

        Returns:
            (n_showers, n_hits, n_outputs); whatever stands where the mask is false.
        """
        n_hits = values.shape[1]
        points, learned = self.coordinates(values), self.learned(values)
        neighbours, real = nearest_neighbours(points, mask, self.k)
        first = torch.arange(len(values), device=values.device)[:, None, None] * n_hits
        places = (neighbours + first).flatten(0, 1)
        # Embeddings, because the gradient of an index would be added up row by row.
        near = functional.embedding(places, points.flatten(0, 1))
        squared = (near - points.flatten(0, 1)[:, None]).square().sum(dim=-1)
        real = real.flatten(0, 1)
        weight = torch.exp(-_STEEPNESS * squared) * real
        given = functional.embedding(places, learned.flatten(0, 1)) * weight[..., None]
        mean = masked_mean(given, real)
        largest = given.masked_fill(~real[..., None], -torch.inf).amax(dim=1)
        largest = torch.where(real.any(dim=1, keepdim=True), largest, 0.0)
        gathered = torch.cat([mean, largest], dim=1).unflatten(0, mask.shape)
        return torch.tanh(self.output(torch.cat([values, gathered], dim=-1)))


class GravNetBlock(nn.Module):
    """Exchange of the mean over all hits, three dense layers with tanh, a `GravNetLayer`, normalisation.

    Args:
        n_features: inputs of each hit.
        width: units of the dense layers.
        n_coordinates, n_learned, k, n_outputs: see `GravNetLayer`.
    """

    def __init__(
        self, n_features: int, width: int, n_coordinates: int, n_learned: int, k: int, n_outputs: int
    ) -> None:
        super().__init__()
        sizes = [2 * n_features, width, width, width]
        self.dense = dense(sizes, last_activation=True, activation="tanh")
        self.gravnet = GravNetLayer(width, n_coordinates, n_learned, k, n_outputs)
        self.norm = MaskedBatchNorm(n_outputs)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(n_showers, n_hits, n_outputs) new features, 0 where the mask is false."""
        mean = masked_mean(values, mask)[:, None].expand_as(values)
        return self.norm(self.gravnet(self.dense(torch.cat([values, mean], dim=-1)), mask), mask)


class GravNet(nn.Module):
    """Shares of each hit's energy among showers (arXiv:1902.07987, section 5, whose sizes are the defaults).

    Equivariant: another order of the hits gives the same shares in that order.

    Args:
        n_features: inputs of each hit.
        n_blocks: whose outputs stand side by side before the last layers.
        width, n_coordinates, n_learned, k, n_outputs: see `GravNetBlock`.
        f: sizes of the hidden layers after the blocks.
        n_shares: showers that share the energy.
    """

    def __init__(
        self,
        n_features: int,
        n_blocks: int = 4,
        width: int = 64,
        n_coordinates: int = 4,
        n_learned: int = 22,
        k: int = 40,
        n_outputs: int = 48,
        f: Sequence[int] = (128, 3),
        *,
        n_shares: int = 2,
    ) -> None:
        super().__init__()
        self.standardise = Standardise(n_features)
        inputs = [n_features, *[n_outputs] * (n_blocks - 1)]
        self.blocks = nn.ModuleList(
            GravNetBlock(before, width, n_coordinates, n_learned, k, n_outputs) for before in inputs
        )
        self.head = dense([n_blocks * n_outputs, *f, n_shares], last_activation=False)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Shares of each hit.

        Args:
            values: (n_showers, n_hits, n_features); whatever stands where the mask is false.
            mask: (n_showers, n_hits), true where a hit is real.

        Returns:
            (n_showers, n_hits, n_shares), sum 1 for each hit.
        """
        real = mask[..., None]
        features = torch.where(real, self.standardise(torch.where(real, values, 0)), 0)
        found = []
        for block in self.blocks:
            features = block(features, mask)
            found.append(features)
        return self.head(torch.cat(found, dim=-1)).softmax(dim=-1)


def share_loss(shares: Tensor, energies: Tensor) -> Tensor:
    """Loss of shares of two showers, sum_k sum_h sqrt(E t_k) (p_k - t_k)^2 / sum_h sqrt(E t_k).

    E is a hit's energy, t the true and p the predicted shares (arXiv:1902.07987, equation 3). Which of the
    showers comes first is not known from alike showers: the better of both orders counts.

    Args:
        shares: (n_pairs, n_hits, 2) predicted.
        energies: (n_pairs, n_hits, 2) true energy of each shower in each hit, 0 in padding.

    Returns:
        (n_pairs,).
    """
    truth = energies / energies.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(energies.dtype).tiny)
    weight = energies.sqrt()
    weight = weight / weight.sum(dim=1, keepdim=True).clamp_min(torch.finfo(energies.dtype).tiny)
    orders = [(weight * (own - truth).square()).sum(dim=(1, 2)) for own in (shares, shares.flip(-1))]
    return torch.minimum(*orders)
