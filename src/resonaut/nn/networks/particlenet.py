"""ParticleNet: edge convolutions on the nearest neighbours of each constituent (arXiv:1902.08570)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut.nn.networks.dense import Standardise
from resonaut.nn.networks.heads import ClassifierHead
from resonaut.nn.networks.masked import MaskedBatchNorm, masked_mean


def nearest_neighbours(points: Tensor, mask: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest other constituents of each constituent, in no particular order.

    Args:
        points: (n_jets, n_constituents, n_coordinates), finite.
        mask: (n_jets, n_constituents).
        k: neighbours of each, at most; fewer where the jets are shorter than that.

    Returns:
        Their places, (n_jets, n_constituents, k), and whether each is real, of the same shape: never where
        the constituent itself is not, and fewer than k where a jet has no more than k constituents.
    """
    n_constituents = points.shape[1]
    k = min(k, max(1, n_constituents - 1))
    with torch.no_grad(), torch.autocast(points.device.type, enabled=False):
        squared = _squared_distances(points.detach())
        itself = torch.eye(n_constituents, dtype=torch.bool, device=points.device)
        squared.masked_fill_(itself | ~mask[:, None], torch.inf)
        nearest = squared.topk(k, dim=-1, largest=False, sorted=False)
        return nearest.indices, nearest.values.isfinite() & mask[..., None]


def _squared_distances(points: Tensor) -> Tensor:
    """(n, n_constituents, n_constituents) squared Euclidean distances, up to rounding."""
    points = points.float() if points.dtype in (torch.bfloat16, torch.float16) else points
    if points.shape[-1] <= 3:
        # Collinear constituents are nearer than the rounding of the product that serves below.
        return (points[:, :, None] - points[:, None]).square().sum(dim=-1)
    norms = points.square().sum(dim=-1)
    return torch.baddbmm(norms[:, :, None] + norms[:, None], points, points.transpose(1, 2), alpha=-2)


class EdgeConvolution(nn.Module):
    """x_i -> ReLU(mean over neighbours j of h(x_i, x_j - x_i) + shortcut(x_i)) (arXiv:1902.08570, figure 1).

    h is linear layers without bias, each with batch normalisation and ReLU. Its first layer acts on a
    difference, so it is (W1 - W2) x_i + W2 x_j: two products per constituent instead of one per edge.

    Args:
        n_features: inputs of each constituent.
        channels: sizes of the layers of h; the last one is the output's.
    """

    def __init__(self, n_features: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Linear(2 * n_features, channels[0], bias=False)
        self.layers = nn.ModuleList(nn.Linear(*pair, bias=False) for pair in itertools.pairwise(channels))
        self.norms = nn.ModuleList(MaskedBatchNorm(size, relu=True) for size in channels)
        self.shortcut = nn.Linear(n_features, channels[-1], bias=False)
        self.shortcut_norm = MaskedBatchNorm(channels[-1])

    def forward(self, values: Tensor, mask: Tensor, neighbours: Tensor, real: Tensor) -> Tensor:
        """New features of each constituent.

        Args:
            values: (n_jets, n_constituents, n_features), 0 where the mask is false.
            mask: (n_jets, n_constituents).
            neighbours, real: (n_jets, n_constituents, k), see `nearest_neighbours`.

        Returns:
            (n_jets, n_constituents, channels[-1]), 0 where the mask is false.
        """
        edges = self._edges(values, neighbours)
        real = real.flatten(0, 1)
        for number, norm in enumerate(self.norms):
            edges = norm(self.layers[number - 1](edges) if number else edges, real)
        pooled = masked_mean(edges, real).unflatten(0, mask.shape)
        return functional.relu(pooled + self.shortcut_norm(self.shortcut(values), mask))

    def _edges(self, values: Tensor, neighbours: Tensor) -> Tensor:
        """First layer of h on all edges, (n_jets * n_constituents, k, channels[0])."""
        n_jets, n_constituents = values.shape[:2]
        flat = values.flatten(0, 1)
        of_itself, of_difference = self.first.weight.chunk(2, dim=1)
        with torch.autocast(flat.device.type, enabled=False):
            # In bf16 the difference of near neighbours would be lost between the two products.
            flat = flat.to(of_itself.dtype)
            itself = functional.linear(flat, of_itself - of_difference)
            other = functional.linear(flat, of_difference)
        first = torch.arange(n_jets, device=flat.device)[:, None, None] * n_constituents
        # An embedding, because the gradient of an index would be added up row by row.
        gathered = functional.embedding((neighbours + first).flatten(0, 1), other)
        edges = gathered + itself[:, None]
        device = flat.device.type
        return edges.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else edges


class ParticleNet(nn.Module):
    """Edge convolutions, mean over the constituents, dense layers (arXiv:1902.08570, figure 2).

    The neighbours are found in the angles first, then in the features of the convolution before. Unlike in
    the published code, padding is nobody's neighbour and in no mean or variance: a jet with k constituents or
    fewer has fewer neighbours, and how far a batch is padded changes nothing, in training too.

    Args:
        n_features: inputs per constituent.
        channels: sizes of the layers of each edge convolution.
        k: neighbours of each constituent.
        f: sizes of the hidden layers after the mean.
        coordinates: the inputs that are the angles.
        dropout: fraction dropped before the last layer.
        n_outputs: 1 for the log odds of signal, else the number of classes.
    """

    def __init__(
        self,
        n_features: int,
        channels: Sequence[Sequence[int]] = ((64, 64, 64), (128, 128, 128), (256, 256, 256)),
        k: int = 16,
        f: Sequence[int] = (256,),
        *,
        coordinates: Sequence[int] = (0, 1),
        dropout: float = 0.1,
        n_outputs: int = 1,
    ) -> None:
        super().__init__()
        self.k = k
        self.coordinates = list(coordinates)
        self.standardise = Standardise(n_features)
        self.norm = MaskedBatchNorm(n_features)
        inputs = [n_features, *(sizes[-1] for sizes in channels)]
        self.convolutions = nn.ModuleList(
            EdgeConvolution(before, sizes) for before, sizes in zip(inputs, channels, strict=False)
        )
        self.head = ClassifierHead(inputs[-1], f, n_outputs=n_outputs, dropout=dropout)

    def encode(self, values: Tensor, mask: Tensor) -> Tensor:
        """Features of jets before the dense layers, (n_jets, channels[-1][-1])."""
        values = torch.where(mask[..., None], values, 0)
        points = values[..., self.coordinates]
        features = self.norm(self.standardise(values), mask)
        for convolution in self.convolutions:
            features = convolution(features, mask, *nearest_neighbours(points, mask, self.k))
            points = features
        return masked_mean(features, mask)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Logits of each jet.

        Args:
            values: (n_jets, n_constituents, n_features); whatever stands where the mask is false.
            mask: (n_jets, n_constituents), true where a constituent is real.

        Returns:
            (n_jets,) log odds of signal if there is one output, else (n_jets, n_outputs) logits.
        """
        return self.head(self.encode(values, mask))
