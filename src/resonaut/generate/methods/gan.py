"""Generative adversarial network (arXiv:1406.2661), conditional where conditions are given (arXiv:1411.1784).

Generator and discriminator step in turn. Features have dense networks, pictures and showers convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
    """Settings of the adversarial generator."""

    loss: Literal["logistic", "least_squares"] = Field(
        "logistic",
        description="logistic: log odds, the generator's loss is -ln D (arXiv:1406.2661, section 3); "
        "least_squares: arXiv:1611.04076.",
    )
    label_smoothing: float = Field(
        0.1,
        ge=0,
        lt=0.5,
        description="The target of real rows is 1 minus this (arXiv:1606.03498, section 3.4).",
    )
    penalty: float = Field(
        0.0,
        ge=0,
        description="Factor of the discriminator's squared slope at real rows, which damps the circling of "
        "the two players (arXiv:1801.04406, equation 9); 0 for none.",
    )
    discriminator_steps: Count = Field(
        1, ge=1, description="Steps of the discriminator per step of the other."
    )
    discriminator_rate: float = Field(1.0, gt=0, description="Factor of the discriminator's learning rate.")
    n_noise: Count = Field(64, ge=1, description="Noise numbers that a row is made from.")
    width: Count = Field(
        32, ge=1, description="Channels next to the cells; dense layers have four times as many."
    )
    training: AdversarialTraining = AdversarialTraining()


@dataclass(frozen=True)
class AdversarialGenerator:
    """The generator of these settings."""

    settings: Settings
    kinds: tuple[Kind, ...] = ("features", "images", "showers")

    def network(self, shape: Shape) -> nn.Module:
        """See `Generator`."""
        from resonaut.nn.networks.adversaries import adversaries

        return adversaries(
            *(shape.kind, shape.dims, shape.conditions, shape.settings),
            n_noise=self.settings.n_noise,
            width=self.settings.width,
        )

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
                Player(
                    *("discriminator", ("critic",), self._discriminator_loss),
                    steps=self.settings.discriminator_steps,
                    rate=self.settings.discriminator_rate,
                    betas=betas,
                ),
                Player("generator", ("generator",), self._generator_loss, betas=betas),
            ],
            *(training, validation, distance_of_summaries, self.settings.training),
            **job.keywords(),
        )

    def _discriminator_loss(self, network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
        import torch

        from resonaut.nn.adversarial_losses import discriminator_loss, squared_slope

        rows, scaled = network.encode(*values)
        with torch.no_grad():
            made = network.made(scaled)
        real, fake = network.judged(torch.cat([rows, made]), torch.cat([scaled, scaled])).chunk(2)
        loss = discriminator_loss(real, fake, self.settings.loss, self.settings.label_smoothing)
        if self.settings.penalty:
            slope = squared_slope(lambda rows: network.judged(rows, scaled), rows)
            loss = loss + 0.5 * self.settings.penalty * slope
        return loss

    def _generator_loss(self, network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
        from resonaut.nn.adversarial_losses import generator_loss

        scaled = network.conditions(values[1])
        return generator_loss(network.judged(network.made(scaled), scaled), self.settings.loss)

    def sample(self, network: nn.Module, conditions: Tensor) -> Tensor:
        """See `Generator`."""
        return network.draw(conditions)


def build(settings: Settings) -> Generator:
    """The generator for these settings."""
    return AdversarialGenerator(settings)
