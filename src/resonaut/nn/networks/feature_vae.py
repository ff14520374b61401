"""Conditional variational autoencoder of features (arXiv:1312.6114; conditions: 1406.5298, model M2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resonaut.nn.networks.dense import Standardise, dense
from resonaut.nn.networks.hurdle import LOG_SCALE_RANGE, normal_nll
from resonaut.nn.networks.scaled_conditions import ScaledConditions
from resonaut.nn.networks.vae import LOG_VARIANCE_RANGE, kl_divergence


class FeatureVAE(nn.Module):
    """Dense encoder and decoder; given the latent vector, standardised features are independent normals.

    Args:
        n_features: features of a row.
        conditions: names of the conditions.
        hidden: hidden layers of the encoder; the decoder has them in reverse.
        n_latent: length of the latent vector.
    """

    def __init__(
        self, n_features: int, conditions: Sequence[str], hidden: Sequence[int], n_latent: int
    ) -> None:
        super().__init__()
        self.n_latent = n_latent
        self.standardise = Standardise(n_features)
        self.conditions = ScaledConditions(conditions)
        n_given = len(conditions)
        self.encoder = dense([n_features + n_given, *hidden, 2 * n_latent], last_activation=False)
        self.decoder = dense([n_latent + n_given, *reversed(hidden), 2 * n_features], last_activation=False)

    @torch.no_grad()
    def measure(self, values: Tensor, conditions: Tensor) -> None:
        """Take the scales of (n, n_features) values and (n, n_conditions) conditions."""
        self.standardise.measure(values)
        self.conditions.measure(conditions)

    def _decode(self, latent: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Location and log scale of the standardised features, (n, n_features) each."""
        location, log_scale = self.decoder(torch.cat([latent, given], dim=1)).chunk(2, dim=1)
        return location, log_scale.clamp(*LOG_SCALE_RANGE)

    def loss(self, values: Tensor, conditions: Tensor, kl_weight: float) -> Tensor:
        """Negative evidence lower bound of each row given its conditions, up to a constant, (n,) nats."""
        scaled, given = self.standardise(values), self.conditions(conditions)
        mean, log_variance = self.encoder(torch.cat([scaled, given], dim=1)).chunk(2, dim=1)
        log_variance = log_variance.clamp(*LOG_VARIANCE_RANGE)
        latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        found = normal_nll(scaled, *self._decode(latent, given)).sum(1)
        return found + kl_weight * kl_divergence(mean, log_variance)

    @torch.no_grad()
    def sample(self, conditions: Tensor) -> Tensor:
        """Draw a row for each row of (n, n_conditions), with torch's random state; (n, n_features)."""
        latent = torch.randn(len(conditions), self.n_latent, device=conditions.device)
        location, log_scale = self._decode(latent, self.conditions(conditions))
        drawn = location + log_scale.exp() * torch.randn_like(location)
        return drawn * self.standardise.width + self.standardise.mean
