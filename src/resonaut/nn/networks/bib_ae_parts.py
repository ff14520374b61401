"""Encoder, decoders and critics of the BIB-AE (arXiv:2005.05334, section 3.3)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut.errors import ConfigError
from resonaut.nn.networks.bib_ae_sizes import Sizes
from resonaut.nn.networks.shower_vae import LayerDecoder

_SLOPE = 0.2
_LATENT_CRITIC = (1, 50, 100, 50, 1)
_LOG_SCALE_RANGE = (-4.0, 1.0)
_LARGEST_ROOT = 30.0


def _leaky(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, _SLOPE)


class _Convolutions(nn.Module):
    """Convolutions without bias, each with layer normalisation over the cells but perhaps the last."""

    def __init__(
        self, shape: Sequence[int], planes: bool, layers: Sequence[tuple[int, int, int, int]], last_norm: bool
    ) -> None:
        super().__init__()
        channels, sides = (shape[0], shape[1:]) if planes else (1, shape)
        convolution = nn.Conv2d if planes else nn.Conv3d
        self.planes = planes
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        for number, (filters, kernel, stride, padding) in enumerate(layers, 1):
            sides = tuple((side + 2 * padding - kernel) // stride + 1 for side in sides)
            if min(sides) < 1:
                raise ConfigError(
                    f"size: nothing is left of {' x '.join(map(str, shape))} cells after convolution "
                    f"{number} of {len(layers)}. Take showers of more cells."
                )
            self.layers.append(
                convolution(channels, filters, kernel, stride=stride, padding=padding, bias=False)
            )
            normed = last_norm or number < len(layers)
            self.norms.append(nn.LayerNorm(sides) if normed else nn.Identity())
            channels = filters
        self.n_outputs = channels * math.prod(sides)

    def forward(self, showers: Tensor) -> Tensor:
        hidden = showers if self.planes else showers[:, None]
        for layer, norm in zip(self.layers, self.norms, strict=True):
            hidden = _leaky(norm(layer(hidden)))
        return hidden.flatten(1)


class Encoder(nn.Module):
    """Mean and log variance of the latent vector of a shower, given its conditions."""

    def __init__(self, shape: Sequence[int], n_given: int, sizes: Sizes) -> None:
        super().__init__()
        layers = [(filters, 4, 2, 2) for filters in sizes.encoder[:-1]] + [(sizes.encoder[-1], 3, 1, 1)]
        self.cells = _Convolutions(shape, sizes.planes, layers, last_norm=True)
        self.wide = nn.Linear(self.cells.n_outputs + n_given, sizes.wide)
        self.narrow = nn.Linear(sizes.wide, sizes.narrow)
        self.mean = nn.Linear(sizes.narrow, sizes.n_latent)
        self.log_variance = nn.Linear(sizes.narrow, sizes.n_latent)

    def forward(self, showers: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """(n, layers, rows, columns) in MeV and (n, n_given) to two times (n, n_latent)."""
        # Few channels of a small network do not cope with energies over four decades.
        seen = showers.log1p() if self.cells.planes else showers
        hidden = _leaky(self.wide(torch.cat([self.cells(seen), given], dim=1)))
        hidden = _leaky(self.narrow(hidden))
        return self.mean(hidden), self.log_variance(hidden)


class _Start(nn.Module):
    """Dense layers from the latent vector, noise and conditions."""

    def __init__(self, n_given: int, sizes: Sizes) -> None:
        super().__init__()
        self.n_noise = sizes.n_noise
        self.narrow = nn.Linear(sizes.n_latent + sizes.n_noise + n_given, sizes.narrow)
        self.wide = nn.Linear(sizes.narrow, sizes.wide)

    def forward(self, latent: Tensor, given: Tensor) -> Tensor:
        noise = torch.randn(len(latent), self.n_noise, device=latent.device, dtype=latent.dtype)
        return _leaky(self.wide(_leaky(self.narrow(torch.cat([latent, noise, given], dim=1)))))


class SpaceDecoder(nn.Module):
    """The published decoder: a coarse grid, two transposed convolutions to twice the cells, and back."""

    def __init__(self, shape: Sequence[int], n_given: int, sizes: Sizes) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.double = tuple(2 * side for side in shape)
        self.coarse = tuple(-(-side // 3) for side in shape)
        base = sizes.decoder
        self.base = base
        self.start = _Start(n_given, sizes)
        self.grid = nn.Linear(sizes.wide, base * math.prod(self.coarse))
        self.to_cells = nn.ConvTranspose3d(base, base, 3, stride=3, padding=1, bias=False)
        self.to_double = nn.ConvTranspose3d(base, 2 * base, 3, stride=2, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.LayerNorm(self.shape), nn.LayerNorm(self.double)])
        channels = [2 * base, base, 2 * base, 4 * base, 2 * base]
        kernels = [(2, 2, 0), (3, 1, 1), (3, 1, 1), (3, 1, 1)]
        self.layers = nn.ModuleList(
            nn.Conv3d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
            for inputs, outputs, (kernel, stride, padding) in zip(
                channels, channels[1:], kernels, strict=False
            )
        )
        self.layer_norms = nn.ModuleList(nn.LayerNorm(self.shape) for _ in self.layers)
        self.last = nn.Conv3d(2 * base, 1, 3, padding=1, bias=False)

    def forward(self, latent: Tensor, given: Tensor) -> Tensor:
        """Energies, (n, *shape), MeV."""
        grid = _leaky(self.grid(self.start(latent, given))).reshape(-1, self.base, *self.coarse)
        hidden = _leaky(self.norms[0](self.to_cells(grid, output_size=self.shape)))
        hidden = _leaky(self.norms[1](self.to_double(hidden, output_size=self.double)))
        for layer, norm in zip(self.layers, self.layer_norms, strict=True):
            hidden = _leaky(norm(layer(hidden)))
        return functional.relu(self.last(hidden))[:, 0]


class PlaneDecoder(nn.Module):
    """The decoder of the small twin: location and width of each cell, a normal number per cell, and a cut.

    The energy above the threshold is least * ((1 + u)^3 - 1), u normal and cut at 0: hits appear without a
    jump, and the tail is lighter than that of a log-normal.

    Args:
        shape: layers, rows, columns.
        n_given: conditions.
        sizes: of the networks.
    """

    least: Tensor

    def __init__(self, shape: Sequence[int], n_given: int, sizes: Sizes) -> None:
        super().__init__()
        self.register_buffer("least", torch.tensor(1.0))
        self.start = _Start(n_given, sizes)
        self.cells = LayerDecoder(shape, sizes.decoder, sizes.wide, n_maps=2)

    def forward(self, latent: Tensor, given: Tensor) -> Tensor:
        """Energies above the threshold, (n, *shape), MeV."""
        location, log_scale = self.cells(self.start(latent, given)).unbind(1)
        u = location + log_scale.clamp(*_LOG_SCALE_RANGE).exp() * torch.randn_like(location)
        return self.least * ((1 + u.clamp(0.0, _LARGEST_ROOT)) ** 3 - 1)

    def roots(self, energies: Tensor) -> Tensor:
        """u of energies above the threshold, MeV."""
        return (1 + energies / self.least) ** (1 / 3) - 1

    @torch.no_grad()
    def begin(self, occupancy: Tensor, mean_root: Tensor) -> None:
        """Begin with the occupancy of each cell and the mean of u where it is hit.

        Args:
            occupancy: (*shape) from 0 to 1, exclusive.
            mean_root: (*shape) mean of u of the hits.
        """
        # Of a normal (m, s) cut at 0: m = s q and mean above the cut = m + s phi(q) / p, where p = Phi(q).
        q = torch.special.ndtri(occupancy.double())
        density = torch.exp(-0.5 * q.square()) / math.sqrt(2 * math.pi)
        scale = (mean_root / (q + density / occupancy)).clamp(0.1, 2.5)
        self.cells.place[0].copy_(scale * q)
        self.cells.place[1].copy_(scale.log())


class Critic(nn.Module):
    """How real a shower looks beside the one that it was made from: four streams, then dense layers.

    The streams are the shower, ln(1 + shower), its difference from the original, and the conditions.
    """

    def __init__(self, shape: Sequence[int], n_given: int, sizes: Sizes) -> None:
        super().__init__()
        width, half = sizes.critic, sizes.critic // 2
        layers = [(width, 3, 2, 0), (width, 3, 2, 0), (width, 3, 1, 0)]
        self.streams = nn.ModuleList(
            _Convolutions(shape, sizes.planes, layers, last_norm=False) for _ in range(2)
        )
        self.ends = nn.ModuleList(nn.Linear(stream.n_outputs, half) for stream in self.streams)
        self.difference = nn.Linear(math.prod(shape), half)
        self.given = nn.Linear(n_given, half) if n_given else None
        n_streams = 3 + (n_given > 0)
        sides = [n_streams * half, 2 * width, 2 * width, 2 * width]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(sides))
        self.last = nn.Linear(2 * width, 1)

    def forward(self, pair: Tensor, given: Tensor) -> Tensor:
        """Judge (n, 2, *shape) originals and the showers made from them, MeV; (n,)."""
        original, shower = pair.unbind(1)
        views = (shower, shower.log1p())
        streams = [
            end(stream(view)) for end, stream, view in zip(self.ends, self.streams, views, strict=True)
        ]
        streams.append(self.difference((shower - original).flatten(1)))
        if self.given is not None:
            streams.append(self.given(given))
        hidden = torch.cat([_leaky(stream) for stream in streams], dim=1)
        for layer in self.layers:
            hidden = _leaky(layer(hidden))
        return self.last(hidden)[:, 0]


class LatentCritic(nn.Module):
    """How normal each number of a latent vector looks; the sum over the vector, (n,)."""

    def __init__(self) -> None:
        super().__init__()
        pairs = itertools.pairwise(_LATENT_CRITIC)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairs)

    def forward(self, latent: Tensor) -> Tensor:
        """(n, n_latent) to (n,)."""
        hidden = latent[..., None]
        for layer in self.layers[:-1]:
            hidden = functional.leaky_relu(layer(hidden))
        return self.layers[-1](hidden)[..., 0].sum(1)
