"""BIB-AE of showers with its post-processor (arXiv:1912.00830, 2005.05334; latent densities: 2102.12491).

The autoencoder plays against a critic of pairs of showers and a critic of latent vectors; a post-processor
then corrects the energies of cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from resonaut.generate.interface import Generator, Job, Kind, Shape
from resonaut.generate.settings import GeneratorSettings
from resonaut.nn.adversarial_settings import AdversarialTraining
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from resonaut.nn.precision import Loss
    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History

_SLICE = 256
_BETAS = (0.5, 0.9)
_LATENT_RATE = 4.0
_MMD_WIDTHS = (0.5**0.5, 50.0**0.5)
"""exp(-a d^2) with a = 1 and a = 0.01."""
_SPECTRUM = {
    "published": {"n_largest": 2000, "window": 100, "stride": 25, "width": 0.05},
    "small": {"n_largest": 1000, "window": 50, "stride": 50, "width": 0.05},
}
"""Ranks and MeV of the sorted-kernel discrepancy; exp(-200 d^2)."""


class BibAeTraining(AdversarialTraining):
    """How the autoencoder and its critics are trained."""

    batch_size: Count = Field(64, ge=2, description="Showers per step.")
    learning_rate: float = Field(
        5e-4, gt=0, description="Step of Adam; the latent critic takes four times it."
    )


class PostProcessorTraining(ScheduledTraining):
    """How the post-processor is trained."""

    epochs: Count = Field(3, ge=1, description="Epochs at most with the discrepancy of sorted energies.")
    first_epochs: Count = Field(
        1, ge=1, description="Epochs before, in which the published one learns to change nothing."
    )
    batch_size: Count = Field(64, ge=1, description="Showers per step.")
    learning_rate: float = Field(5e-4, gt=0, description="Step of Adam (arXiv:1412.6980).")


class Settings(GeneratorSettings):
    """Settings of the BIB-AE."""

    size: Literal["small", "published"] = Field(
        "small",
        description="published: 71 million parameters in encoder and decoder, for GPUs; small: 0.9 million "
        "in all networks, convolutions in the plane with layers as channels.",
    )
    critic_steps: Count = Field(5, ge=1, description="Steps of both critics per step of the autoencoder.")
    kl_weight: float = Field(0.05, ge=0, description="Factor of the KL term of the latent vector.")
    latent_mmd: float = Field(
        100.0, ge=0, description="Factor of the discrepancy of latents from the normal."
    )
    latent_critic: float = Field(100.0, ge=0, description="Factor of the critic of latent vectors.")
    critic: float = Field(1.0, ge=0, description="Factor of the critic of showers.")
    penalty: float = Field(10.0, ge=0, description="Factor of the gradient penalties (arXiv:1704.00028).")
    latent: Literal["normal", "kde"] = Field(
        "normal",
        description="Latent vectors of drawn showers: normal, or from the density of 4,096 encoded training "
        "showers with like conditions (arXiv:2102.12491).",
    )
    post_processing: bool = Field(True, description="Correct the energies of cells by the post-processor.")
    spectrum_mmd: float = Field(
        5.0, ge=0, description="Factor of the discrepancy of sorted energies in the post-processor's loss."
    )
    training: BibAeTraining = BibAeTraining()
    post_training: PostProcessorTraining = PostProcessorTraining()


N_REMEMBERED = 4096


@dataclass(frozen=True)
class BottleneckGenerator:
    """The generator of these settings."""

    settings: Settings
    kinds: tuple[Kind, ...] = ("showers",)

    def network(self, shape: Shape) -> nn.Module:
        """See `Generator`.

        Raises:
            ConfigError: cells without layers, rows and columns, or too few of them.
        """
        from resonaut.nn.networks.bib_ae import BibAE
        from resonaut.nn.networks.bib_ae_sizes import SIZES

        kept = N_REMEMBERED if self.settings.latent == "kde" else 0
        network = BibAE(shape.dims, shape.conditions, SIZES[self.settings.size], kept)
        network.post_processed = self.settings.post_processing
        return network

    def fit(self, network: nn.Module, training: Samples, validation: Samples, job: Job) -> History:
        """See `Generator`; the history is that of the autoencoder."""
        from resonaut.nn.adversarial import Player, train_adversarial

        network.measure(_slices(training, len(training)))
        steps = self.settings.critic_steps
        history = train_adversarial(
            network,
            [
                Player("critic", ("critic",), self._critic_loss, steps=steps, betas=_BETAS),
                Player(
                    *("latent_critic", ("latent_critic",), self._latent_critic_loss),
                    steps=steps,
                    rate=_LATENT_RATE,
                    betas=_BETAS,
                ),
                Player("autoencoder", ("encoder", "decoder"), self._autoencoder_loss, betas=_BETAS),
            ],
            *(training, validation, _distance, self.settings.training),
            **job.keywords(),
        )
        if self.settings.post_processing:
            self._fit_post_processor(network, training, validation, job)
        if self.settings.latent == "kde":
            network.remember(_slices(training, N_REMEMBERED))
        return history

    def _critic_loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        import torch

        from resonaut.nn.adversarial_losses import gradient_penalty

        showers, given = network.above(batch[0]), network.conditions(batch[1])
        with torch.no_grad():
            made = network.reconstruction(showers, given)
        real, fake = torch.stack([showers, showers], dim=1), torch.stack([showers, made], dim=1)
        penalty = gradient_penalty(lambda between: network.critic(between, given), real, fake)
        return network.critic(fake, given) - network.critic(real, given) + self.settings.penalty * penalty

    def _latent_critic_loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        import torch

        from resonaut.nn.adversarial_losses import gradient_penalty

        with torch.no_grad():
            fake = network.drawn_latent(network.above(batch[0]), network.conditions(batch[1]))
        real = torch.randn_like(fake)
        penalty = gradient_penalty(network.latent_critic, real, fake)
        difference = network.latent_critic(fake) - network.latent_critic(real)
        return difference / fake.shape[1] + self.settings.penalty * penalty

    def _autoencoder_loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        import torch

        from resonaut.nn.kernel_distance import mmd
        from resonaut.nn.networks.vae import kl_divergence

        own = self.settings
        showers, given = network.above(batch[0]), network.conditions(batch[1])
        mean, log_variance = network.encoded(showers, given)
        latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        made = network.decoder(latent, given)
        # The paper adds its kernels, `mmd` takes their mean.
        discrepancy = len(_MMD_WIDTHS) * mmd(latent, torch.randn_like(latent), _MMD_WIDTHS)
        return (
            own.latent_mmd * discrepancy
            + own.kl_weight * kl_divergence(mean, log_variance)
            - own.critic * network.critic(torch.stack([showers, made], dim=1), given)
            - own.latent_critic / latent.shape[1] * network.latent_critic(latent)
        )

    def _fit_post_processor(
        self, network: nn.Module, training: Samples, validation: Samples, job: Job
    ) -> None:
        from resonaut.nn.device import choose
        from resonaut.nn.training import train
        from resonaut.seeds import integer_seed

        settings = self.settings.post_training
        network.to(choose(settings.device))
        stages = [("second", settings, self.settings.spectrum_mmd)]
        # The small one changes nothing before it is trained.
        if not network.post_processor.residual:
            stages.insert(0, ("first", settings.model_copy(update={"epochs": settings.first_epochs}), 0.0))
        for name, own, weight in stages:
            train(
                *(network.post_processor, training, validation, self._post_loss(network, weight), own),
                seed=integer_seed(job.seed, "post_processor", name),
                where=f"{job.where}.post_training",
                checkpoint_folder=job.checkpoint_folder / f"post_processor_{name}",
                inputs=job.inputs,
            )
            network.post_processor.to(choose(settings.device))
        network.to("cpu").eval()

    def _post_loss(self, network: nn.Module, weight: float) -> Loss:
        import torch

        from resonaut.nn.kernel_distance import sorted_kernel_mmd

        spectrum = _SPECTRUM[self.settings.size]

        def loss(post_processor: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
            with torch.no_grad():
                showers, given = network.above(batch[0]), network.conditions(batch[1])
                made = network.reconstruction(showers, given)
            processed = post_processor(made, given)
            found = (processed - made).square().flatten(1).mean(1)
            if not weight:
                return found
            return found + weight * sorted_kernel_mmd(processed.flatten(1), showers.flatten(1), **spectrum)

        return loss

    def sample(self, network: nn.Module, conditions: Tensor) -> Tensor:
        """See `Generator`."""
        return network.sample(conditions)


def _slices(samples: Samples, n_rows: int) -> Iterator[tuple[Tensor, ...]]:
    """The first rows in their order, on the CPU: dense showers of all rows would not fit in memory."""
    import torch

    stop = min(n_rows, len(samples))
    for start in range(0, stop, _SLICE):
        yield tuple(
            column.cpu() for column in samples.take(torch.arange(start, min(stop, start + _SLICE))).values
        )


def _distance(network: nn.Module, samples: Samples, batches: Sequence[Tensor]) -> float:
    """Of drawn showers from those of the same conditions, without the post-processor, as none is yet."""
    import torch

    from resonaut.nn.adversarial_distance import sliced_wasserstein
    from resonaut.nn.samples import stream

    drawn, real = [], []
    for batch in stream(samples, batches):
        showers, conditions = batch.values
        given = network.conditions(conditions)
        latent = torch.randn(len(given), network.sizes.n_latent, device=given.device)
        drawn.append(network.summary(network.cells(network.decoder(latent, given)), conditions))
        real.append(network.summary(showers, conditions))
    return float(sliced_wasserstein(torch.cat(drawn), torch.cat(real)))


def build(settings: Settings) -> Generator:
    """The generator for these settings."""
    return BottleneckGenerator(settings)
