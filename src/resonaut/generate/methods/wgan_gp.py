"""Wasserstein GAN with gradient penalty (arXiv:1704.00028) and the energy constrainer of arXiv:2005.05334.

The critic takes several steps for each of the generator. Where the incident energy is a condition, a
regressor is trained first to read it from a shower and then frozen; the generator's showers must be read as
well as the real ones are.
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
    from torch import Tensor, nn

    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History

ENERGY = "incident_energy"
"""The condition that the constrainer reads from showers."""


class ConstrainerTraining(ScheduledTraining):
    """How the energy regressor is trained."""

    epochs: Count = Field(10, ge=1, description="Epochs at most.")
    patience: Count = Field(3, ge=1, description="Epochs without a better validation loss before stopping.")


class Settings(GeneratorSettings):
    """Settings of the Wasserstein generator."""

    size: Literal["small", "published"] = Field(
        "small",
        description="published: the networks of arXiv:2005.05334, showers on a grid only; small: "
        "convolutions in the plane with layers as channels, for CPUs.",
    )
    penalty: float = Field(
        10.0, ge=0, description="Factor of the gradient penalty (arXiv:1704.00028, eq. 3)."
    )
    critic_steps: Count = Field(5, ge=1, description="Steps of the critic per step of the generator.")
    constrainer: float = Field(
        1.0,
        ge=0,
        description="Factor kappa of the energy constrainer (arXiv:2005.05334, section 3.2), used where "
        "incident_energy is a condition of showers; 0 for none.",
    )
    constrainer_training: ConstrainerTraining = ConstrainerTraining()
    n_noise: Count | None = Field(
        None, ge=1, description="Noise numbers that a row is made from; absent: 64, or 100 as published."
    )
    width: Count = Field(
        32,
        ge=1,
        description="Channels next to the cells of the small size; dense layers have four times as many.",
    )
    training: AdversarialTraining = AdversarialTraining()


@dataclass(frozen=True)
class WassersteinGenerator:
    """The generator of these settings."""

    settings: Settings
    kinds: tuple[Kind, ...] = ("showers", "images", "features")

    def network(self, shape: Shape) -> nn.Module:
        """See `Generator`."""
        from resonaut.nn.networks.adversaries import adversaries, constrainer

        published = self.settings.size == "published"
        network = adversaries(
            *(shape.kind, shape.dims, shape.conditions, shape.settings),
            n_noise=self.settings.n_noise or (100 if published else 64),
            width=self.settings.width,
            published=published,
        )
        if self.settings.constrainer and shape.kind == "showers" and ENERGY in shape.conditions:
            network.constrainer = constrainer(network, shape.conditions.index(ENERGY), self.settings.width)
        return network

    def fit(self, network: nn.Module, training: Samples, validation: Samples, job: Job) -> History:
        """See `Generator`."""
        from resonaut.nn.adversarial import Player, train_adversarial
        from resonaut.nn.adversarial_distance import distance_of_summaries
        from resonaut.nn.networks.adversaries import measure

        measure(network, training)
        if hasattr(network, "constrainer"):
            self._fit_constrainer(network, training, validation, job)
        betas = (0.0, 0.9)
        return train_adversarial(
            network,
            [
                Player(
                    *("critic", ("critic",), self._critic_loss), steps=self.settings.critic_steps, betas=betas
                ),
                Player("generator", ("generator",), self._generator_loss, betas=betas),
            ],
            *(training, validation, distance_of_summaries, self.settings.training),
            **job.keywords(),
        )

    def _fit_constrainer(self, network: nn.Module, training: Samples, validation: Samples, job: Job) -> None:
        from resonaut.nn.training import train
        from resonaut.seeds import integer_seed

        def loss(constrainer: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
            return constrainer.squared_error(*network.encode(*values))

        device = network.conditions.mean.device
        train(
            *(network.constrainer, training, validation, loss, self.settings.constrainer_training),
            seed=integer_seed(job.seed, "constrainer"),
            where=f"{job.where}.constrainer",
            checkpoint_folder=job.checkpoint_folder / "constrainer",
            inputs=job.inputs,
        )
        network.constrainer.to(device).requires_grad_(False)

    def _critic_loss(self, network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
        import torch

        from resonaut.nn.adversarial_losses import gradient_penalty

        rows, scaled = network.encode(*values)
        with torch.no_grad():
            made = network.made(scaled)
        real, fake = network.judged(torch.cat([rows, made]), torch.cat([scaled, scaled])).chunk(2)
        penalty = gradient_penalty(lambda between: network.judged(between, scaled), rows, made)
        return fake - real + self.settings.penalty * penalty

    def _generator_loss(self, network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
        import torch

        if not hasattr(network, "constrainer"):
            scaled = network.conditions(values[1])
            return -network.judged(network.made(scaled), scaled)
        rows, scaled = network.encode(*values)
        made = network.made(scaled)
        with torch.no_grad():
            of_real = network.constrainer.squared_error(rows, scaled)
        of_made = network.constrainer.squared_error(made, scaled)
        return -network.judged(made, scaled) + self.settings.constrainer * (of_made - of_real).abs()

    def sample(self, network: nn.Module, conditions: Tensor) -> Tensor:
        """See `Generator`."""
        return network.draw(conditions)


def build(settings: Settings) -> Generator:
    """The generator for these settings."""
    return WassersteinGenerator(settings)
