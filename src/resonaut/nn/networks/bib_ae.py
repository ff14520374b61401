"""Bounded-information-bottleneck autoencoder of showers (arXiv:1912.00830, 2005.05334)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError
from resonaut.nn.networks.bib_ae_parts import Critic, Encoder, LatentCritic, PlaneDecoder, SpaceDecoder
from resonaut.nn.networks.bib_ae_sizes import Sizes
from resonaut.nn.networks.post_processor import PostProcessor
from resonaut.nn.networks.scaled_conditions import ScaledConditions
from resonaut.nn.networks.vae import LOG_VARIANCE_RANGE

_MEV = 1e3
_LEAST_QUANTILE = 0.002


class BibAE(nn.Module):
    """All networks of a BIB-AE. Inside, energies are in MeV; the small twin's are those above the threshold.

    Args:
        shape: layers, rows, columns.
        conditions: names of the conditions.
        sizes: of the networks.
        n_remembered: encoded showers that are kept, to draw latent vectors near them; 0 for the normal.

    Raises:
        ConfigError: the cells are not in layers, rows and columns.
    """

    least: Tensor

    def __init__(
        self, shape: Sequence[int], conditions: Sequence[str], sizes: Sizes, n_remembered: int = 0
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise ConfigError(
                f"kind: bib_ae learns showers of layers, rows and columns, these have voxels "
                f"({math.prod(shape)}). Take vae, flow_matching or wgan_gp."
            )
        self.shape, self.sizes = tuple(shape), sizes
        n_given = len(conditions)
        self.conditions = ScaledConditions(conditions)
        self.register_buffer("least", torch.tensor(0.1))
        self.encoder = Encoder(shape, n_given, sizes)
        self.decoder = (PlaneDecoder if sizes.planes else SpaceDecoder)(shape, n_given, sizes)
        self.critic = Critic(shape, n_given, sizes)
        self.latent_critic = LatentCritic()
        self.post_processor = PostProcessor(shape, n_given, sizes.post_processor, residual=sizes.planes)
        self.post_processed = False
        for name in ("latent_mean", "latent_width"):
            self.register_buffer(name, torch.zeros(n_remembered, sizes.n_latent))
        self.register_buffer("latent_given", torch.zeros(n_remembered, n_given))

    @torch.no_grad()
    def measure(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take the threshold, the scales of conditions, and where the small decoder begins.

        Args:
            batches: (showers (n, *shape) in GeV, conditions (n, n_conditions)).
        """
        hits, roots = torch.zeros(self.shape), torch.zeros(self.shape)
        in_planes = isinstance(self.decoder, PlaneDecoder)
        conditions: list[Tensor] = []
        n_showers = 0
        for values, given in batches:
            showers = _MEV * values.cpu()
            # What is above the threshold needs the threshold: that of the first batch.
            if not n_showers:
                self.least.copy_(_quantile(showers[showers > 0], _LEAST_QUANTILE))
            if in_planes:
                self.decoder.least.copy_(self.least)
                above = self.above(values.to(self.least.device))
                roots += self.decoder.roots(above).sum(0).cpu()
            hits += (showers > 0).sum(0)
            n_showers += len(showers)
            conditions.append(given.cpu())
        self.conditions.measure(torch.cat(conditions).to(self.least.device))
        if in_planes:
            # Half a hit more: cells that are never hit keep finite numbers.
            self.decoder.begin((hits + 0.5) / (n_showers + 1.0), (roots + 0.5) / (hits + 1.0))

    def above(self, showers: Tensor) -> Tensor:
        """Showers in GeV as the networks take them."""
        energies = _MEV * showers
        return (energies - self.least).clamp_min(0) if self.sizes.planes else energies

    def cells(self, energies: Tensor) -> Tensor:
        """What the networks make as showers in GeV; cells below the threshold are empty."""
        if self.sizes.planes:
            return torch.where(energies > 0, energies + self.least, 0.0) / _MEV
        return torch.where(energies >= self.least, energies, 0.0) / _MEV

    def encoded(self, showers: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latent vector, (n, n_latent) each."""
        mean, log_variance = self.encoder(showers, given)
        return mean, log_variance.clamp(*LOG_VARIANCE_RANGE)

    def drawn_latent(self, showers: Tensor, given: Tensor) -> Tensor:
        """A latent vector of each shower, (n, n_latent)."""
        mean, log_variance = self.encoded(showers, given)
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)

    def reconstruction(self, showers: Tensor, given: Tensor) -> Tensor:
        """Showers made from those given, (n, *shape), MeV."""
        return self.decoder(self.drawn_latent(showers, given), given)

    @torch.no_grad()
    def remember(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Keep encoded showers, as many as there is place for; of fewer showers, some twice."""
        found = []
        for showers, conditions in batches:
            given = self.conditions(conditions)
            mean, log_variance = self.encoded(self.above(showers), given)
            found.append((mean, (0.5 * log_variance).exp(), given))
        joined = [torch.cat(column) for column in zip(*found, strict=True)]
        rows = torch.arange(len(self.latent_mean), device=joined[0].device) % len(joined[0])
        for kept, values in zip(
            (self.latent_mean, self.latent_width, self.latent_given), joined, strict=True
        ):
            kept.copy_(values[rows])

    def latent(self, given: Tensor) -> Tensor:
        """Latent vectors to decode, (n, n_latent).

        Normal, or from the density of remembered ones near the same conditions (arXiv:2102.12491): each is a
        kernel with the widths that the encoder gave it; conditions have Scott's width (n^(-1 / (k + 4))).
        """
        n = len(self.latent_mean)
        if not n:
            return torch.randn(len(given), self.sizes.n_latent, device=given.device)
        width = n ** (-1 / (given.shape[1] + 4))
        log_weight = -0.5 * torch.cdist(given, self.latent_given).square() / width**2
        # The largest of Gumbel numbers is a draw with these weights.
        row = (log_weight - torch.empty_like(log_weight).exponential_().log()).argmax(1)
        return self.latent_mean[row] + self.latent_width[row] * torch.randn_like(self.latent_mean[row])

    @torch.no_grad()
    def sample(self, conditions: Tensor) -> Tensor:
        """Draw a shower for each row of (n, n_conditions), with torch's random state; (n, *shape), GeV."""
        given = self.conditions(conditions)
        made = self.decoder(self.latent(given), given)
        if self.post_processed:
            made = self.post_processor(made, given)
        return self.cells(made)

    @torch.no_grad()
    def summary(self, showers: Tensor, conditions: Tensor) -> Tensor:
        """What the best epoch is chosen by: sums and hits of showers (GeV) and of their layers.

        Returns:
            (n, n_conditions + 2 + 2 layers).
        """
        layers, hits = showers.sum((2, 3)), (showers > 0).sum((2, 3)).float()
        totals = [layers.sum(1, keepdim=True), hits.sum(1, keepdim=True)]
        return torch.cat([self.conditions(conditions), *totals, layers, hits], dim=1)


def _quantile(values: Tensor, fraction: float) -> Tensor:
    ordered = values.sort().values
    return ordered[int(fraction * len(ordered))]
