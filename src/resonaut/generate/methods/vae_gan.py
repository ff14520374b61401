"""Autoencoder whose errors a discriminator measures (arXiv:1512.09300): VAE and GAN with a common decoder.

A reconstruction is compared with its original by the maps that the discriminator makes of both, not pixel by
pixel; the decoder of the autoencoder is the generator of the adversarial part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from resonaut.generate.interface import Generator, Job, Kind, Shape
from resonaut.generate.settings import GeneratorSettings
from resonaut.nn.adversarial_settings import AdversarialTraining
from resonaut.settings import Count

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History


class Settings(GeneratorSettings):
    """Settings of the autoencoder with a discriminator."""

    n_latent: Count = Field(32, ge=1, description="Length of the latent vector.")
    kl_weight: float = Field(
        0.1, ge=0, description="Factor of the KL term beside the reconstruction in the encoder's loss."
    )
    reconstruction: float = Field(
        1.0,
        ge=0,
        description="Factor gamma of the reconstruction beside the adversarial loss in the decoder's "
        "(arXiv:1512.09300, section 3).",
    )
    width: Count = Field(32, ge=1, description="Channels next to the cells.")
    training: AdversarialTraining = AdversarialTraining()


@dataclass(frozen=True)
class VariationalAdversarialGenerator:
    """The generator of these settings."""

    settings: Settings
    kinds: tuple[Kind, ...] = ("images", "showers")

    def network(self, shape: Shape) -> nn.Module:
        """See `Generator`."""
        from resonaut.nn.networks.adversaries import adversaries, encoder

        network = adversaries(
            *(shape.kind, shape.dims, shape.conditions, shape.settings),
            n_noise=self.settings.n_latent,
            width=self.settings.width,
        )
        network.encoder = encoder(network, self.settings.width)
        return network

    def fit(self, network: nn.Module, training: Samples, validation: Samples, job: Job) -> History:
        """See `Generator`."""
        from resonaut.nn.adversarial import Player, train_adversarial
        from resonaut.nn.adversarial_distance import distance_of_summaries
        from resonaut.nn.networks.adversaries import measure

        measure(network, training)
        betas = (0.5, 0.999)
        return train_adversarial(
            network,
            [
                Player("discriminator", ("critic",), self._discriminator_loss, betas=betas),
                Player("encoder", ("encoder",), self._encoder_loss, betas=betas),
                Player("decoder", ("generator",), self._decoder_loss, betas=betas),
            ],
            *(training, validation, distance_of_summaries, self.settings.training),
            **job.keywords(),
        )

    def _discriminator_loss(self, network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
        """Real rows against reconstructions and rows from the prior, half each."""
        import torch

        from resonaut.nn.adversarial_losses import discriminator_loss

        rows, scaled = network.encode(*values)
        with torch.no_grad():
            rebuilt = network.made(scaled, network.latent(rows, scaled)[0])
            made = network.made(scaled)
        judged = network.judged(torch.cat([rows, rebuilt, made]), scaled.repeat(3, 1)).chunk(3)
        losses = [discriminator_loss(judged[0], fake, "logistic") for fake in judged[1:]]
        return 0.5 * (losses[0] + losses[1])

    def _encoder_loss(self, network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
        from resonaut.nn.networks.vae import kl_divergence

        rows, scaled = network.encode(*values)
        latent, mean, log_variance = network.latent(rows, scaled)
        error = network.difference(rows, network.made(scaled, latent))
        return error + self.settings.kl_weight * kl_divergence(mean, log_variance)

    def _decoder_loss(self, network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
        import torch

        from resonaut.nn.adversarial_losses import generator_loss

        rows, scaled = network.encode(*values)
        with torch.no_grad():
            latent = network.latent(rows, scaled)[0]
        rebuilt, made = network.made(scaled, latent), network.made(scaled)
        fakes = network.judged(torch.cat([rebuilt, made]), scaled.repeat(2, 1)).chunk(2)
        adversarial = 0.5 * sum(generator_loss(fake, "logistic") for fake in fakes)
        return adversarial + self.settings.reconstruction * network.difference(rows, rebuilt)

    def sample(self, network: nn.Module, conditions: Tensor) -> Tensor:
        """See `Generator`."""
        return network.draw(conditions)


def build(settings: Settings) -> Generator:
    """The generator for these settings."""
    return VariationalAdversarialGenerator(settings)
