"""Variational autoencoder of jet images (arXiv:1312.6114) with sparse, positive pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from resonaut.generate.interface import Generator
from resonaut.generate.settings import GeneratorSettings
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History

Width = Annotated[Count, Field(ge=1)]


class VaeTraining(ScheduledTraining):
    """How the autoencoder is trained."""

    epochs: Count = Field(12, ge=1, description="Epochs at most.")
    learning_rate: float = Field(3e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")


class Settings(GeneratorSettings):
    """Settings of the variational autoencoder."""

    hidden: tuple[Width, ...] = Field(
        (256, 128), min_length=1, description="Hidden layers of the encoder; the decoder reverses them."
    )
    n_latent: Count = Field(16, ge=1, description="Length of the latent vector.")
    kl_weight: float = Field(1.0, ge=0, description="Factor of the KL term; 1 is the evidence bound itself.")
    n_jets_max: Count = Field(25_000, ge=10, description="Jets to learn from at most.")
    training: VaeTraining = VaeTraining()


@dataclass(frozen=True)
class VariationalGenerator:
    """The generator of these settings."""

    settings: Settings

    def network(self, n_pixels: int) -> nn.Module:
        """See `Generator`."""
        from resonaut.nn.networks.vae import ImageVAE

        return ImageVAE(n_pixels, self.settings.hidden, self.settings.n_latent)

    def fit(
        self,
        network: nn.Module,
        training: Samples,
        validation: Samples,
        *,
        seed: int,
        where: str,
        checkpoint_folder: Path,
        inputs: str,
        records: Path | None = None,
    ) -> History:
        """See `Generator`."""
        import torch

        from resonaut.nn.training import train

        (images,) = training.take(torch.arange(len(training))).values
        network.measure(images)
        del images

        def loss(vae: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
            return vae.loss(values[0], self.settings.kl_weight)

        return train(
            *(network, training, validation, loss, self.settings.training),
            seed=seed,
            where=where,
            checkpoint_folder=checkpoint_folder,
            inputs=inputs,
            records=records,
        )

    def sample(self, network: nn.Module, n_images: int, *, normalise: bool) -> Tensor:
        """See `Generator`."""
        return network.sample(n_images, normalise=normalise)


def build(settings: Settings) -> Generator:
    """The generator for these settings."""
    return VariationalGenerator(settings)
