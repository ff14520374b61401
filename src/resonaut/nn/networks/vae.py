"""Variational autoencoder of sparse images (arXiv:1312.6114) with a hurdle likelihood for the pixels.

Given the latent vector, a pixel is hit with a probability; the logarithm of a hit pixel is normal. So samples
are sparse and positive, as jet images are; a Gaussian likelihood would fill every pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resonaut.nn.networks.dense import dense
from resonaut.nn.networks.hurdle import LOG_SCALE_RANGE, hurdle_nll
from resonaut.nn.networks.scaled_conditions import ScaledConditions

LOG_VARIANCE_RANGE = (-12.0, 12.0)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)), summed over the last axis (arXiv:1312.6114, appendix B).

    Args:
        mean, log_variance: (n, n_latent).

    Returns:
        (n,) nats.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1)


class ImageVAE(nn.Module):
    """Dense encoder and decoder of images.

    Args:
        n_pixels: pixels along each axis.
        hidden: hidden layers of the encoder; the decoder has them in reverse.
        n_latent: length of the latent vector.
        conditions: names of the conditions, which encoder and decoder are given.
    """

    log_mean: Tensor
    log_width: Tensor

    def __init__(
        self, n_pixels: int, hidden: Sequence[int], n_latent: int, conditions: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.n_pixels = n_pixels
        size = n_pixels**2
        self.register_buffer("log_mean", torch.zeros(()))
        self.register_buffer("log_width", torch.ones(()))
        n_given = len(conditions)
        self.conditions = ScaledConditions(conditions)
        self.encoder = dense([2 * size + n_given, *hidden, 2 * n_latent], last_activation=False)
        self.decoder = dense([n_latent + n_given, *reversed(hidden), 3 * size], last_activation=False)
        self.n_latent = n_latent

    @torch.no_grad()
    def measure(self, images: Tensor, conditions: Tensor | None = None) -> None:
        """Take the scale of the logarithms of hit pixels, and start the decoder at the mean occupancy.

        Args:
            images: (n, n_pixels, n_pixels).
            conditions: (n, n_conditions); None where there are none.
        """
        if conditions is not None:
            self.conditions.measure(conditions)
        logs = images[images > 0].log()
        self.log_mean.copy_(logs.mean())
        self.log_width.copy_(logs.std().clamp_min(1e-3))
        # One hit of half weight keeps the logit of pixels that are never hit finite.
        occupancy = ((images > 0).sum(dim=0).float() + 0.5) / (len(images) + 1.0)
        self.decoder[-1].bias[: self.n_pixels**2].copy_(torch.logit(occupancy).flatten())

    def encode(self, images: Tensor, conditions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latent vector of each image, both (n, n_latent)."""
        flat = images.flatten(1)
        hit = flat > 0
        logs = self._standardised_logs(flat, hit)
        inputs = self._with_conditions(conditions, logs, hit.to(logs.dtype))
        mean, log_variance = self.encoder(inputs).chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCE_RANGE)

    def decode(self, latent: Tensor, conditions: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Logit of a hit, location and log scale of the standardised logarithm; each (n, n_pixels^2)."""
        logit, location, log_scale = self.decoder(self._with_conditions(conditions, latent)).chunk(3, dim=1)
        return logit, location, log_scale.clamp(*LOG_SCALE_RANGE)

    def _with_conditions(self, conditions: Tensor | None, *inputs: Tensor) -> Tensor:
        given = [] if conditions is None else [self.conditions(conditions)]
        return torch.cat([*inputs, *given], dim=1)

    def _standardised_logs(self, flat: Tensor, hit: Tensor) -> Tensor:
        logs = torch.where(hit, flat, torch.ones_like(flat)).log()
        return torch.where(hit, (logs - self.log_mean) / self.log_width, torch.zeros_like(logs))

    def loss(self, images: Tensor, kl_weight: float, conditions: Tensor | None = None) -> Tensor:
        """Negative evidence lower bound of each image (arXiv:1312.6114, eq. 10, one draw), up to a constant.

        Args:
            images: (n, n_pixels, n_pixels).
            kl_weight: factor of the KL term (beta of arXiv:1804.03599); 1 is the bound itself.
            conditions: (n, n_conditions); None where there are none.

        Returns:
            (n,) nats.
        """
        mean, log_variance = self.encode(images, conditions)
        latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        logit, location, log_scale = self.decode(latent, conditions)
        flat = images.flatten(1)
        hit = flat > 0
        pixels = hurdle_nll(hit, self._standardised_logs(flat, hit), logit, location, log_scale)
        return pixels.sum(dim=1) + kl_weight * kl_divergence(mean, log_variance)

    @torch.no_grad()
    def sample(self, n_images: int, *, normalise: bool, conditions: Tensor | None = None) -> Tensor:
        """Draw images from the prior, with torch's random state.

        Args:
            n_images: number of images.
            normalise: scale each image to the sum 1.
            conditions: (n_images, n_conditions); None where there are none.

        Returns:
            (n_images, n_pixels, n_pixels), not negative; each has at least one hit pixel.
        """
        latent = torch.randn(n_images, self.n_latent, device=self.log_mean.device)
        logit, location, log_scale = self.decode(latent, conditions)
        hit = torch.rand_like(logit) < torch.sigmoid(logit)
        hit[torch.arange(n_images), logit.argmax(dim=1)] |= ~hit.any(dim=1)
        logs = location + log_scale.exp() * torch.randn_like(location)
        images = torch.where(hit, (logs * self.log_width + self.log_mean).exp(), torch.zeros_like(logs))
        if normalise:
            images = images / images.sum(dim=1, keepdim=True)
        return images.view(n_images, self.n_pixels, self.n_pixels)
