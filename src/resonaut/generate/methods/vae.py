"""Conditional variational autoencoder (arXiv:1312.6114, 1406.5298) of jet images, features and showers.

Images and showers are sparse and positive: a cell is hit or not, and the logarithm of a hit (showers: its
normal score) is normal. Of showers the visible energy and the number of hits are drawn first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from resonaut.generate.interface import Generator, Job, Kind, Shape
from resonaut.generate.settings import GeneratorSettings
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History

Width = Annotated[Count, Field(ge=1)]

_SLICE = 512

SHOWER_SIZES = {"small": {"width": 32, "hidden": 128}, "published": {"width": 128, "hidden": 768}}
"""Channels and dense layers of the network of showers; published: the latent layers of arXiv:2005.05334."""


class VaeTraining(ScheduledTraining):
    """How the autoencoder is trained."""

    epochs: Count = Field(12, ge=1, description="Epochs at most.")
    learning_rate: float = Field(3e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")


class Settings(GeneratorSettings):
    """Settings of the variational autoencoder."""

    hidden: tuple[Width, ...] = Field(
        (256, 128),
        min_length=1,
        description="Hidden layers of the encoder of images and features; the decoder reverses them.",
    )
    size: Literal["small", "published"] = Field(
        "small",
        description="Network of showers: 32 channels and 128 wide dense layers, which a CPU trains, or 128 "
        "and 768 (the dense layers of arXiv:2005.05334).",
    )
    n_latent: Count = Field(16, ge=1, description="Length of the latent vector.")
    kl_weight: float = Field(1.0, ge=0, description="Factor of the KL term; 1 is the evidence bound itself.")
    n_rows_max: Count = Field(25_000, ge=10, description="Rows to read at most, of all parts and datasets.")
    training: VaeTraining = VaeTraining()


@dataclass(frozen=True)
class VariationalGenerator:
    """The generator of these settings."""

    settings: Settings
    kinds: tuple[Kind, ...] = ("images", "features", "showers")

    def network(self, shape: Shape) -> nn.Module:
        """See `Generator`."""
        settings = self.settings
        if shape.kind == "showers":
            from resonaut.nn.networks.shower_vae import ShowerVAE

            sizes = SHOWER_SIZES[settings.size]
            return ShowerVAE(shape.dims, shape.conditions, settings.n_latent, **sizes)
        if shape.kind == "features":
            from resonaut.nn.networks.feature_vae import FeatureVAE

            return FeatureVAE(shape.dims[0], shape.conditions, settings.hidden, settings.n_latent)
        from resonaut.nn.networks.vae import ImageVAE

        network = ImageVAE(shape.dims[0], settings.hidden, settings.n_latent, shape.conditions)
        network.normalise = shape.settings["normalise"] in (True, "sum")
        return network

    def fit(self, network: nn.Module, training: Samples, validation: Samples, job: Job) -> History:
        """See `Generator`."""
        from resonaut.nn.networks.shower_vae import ShowerVAE
        from resonaut.nn.training import train

        slices = _slices(training)
        if isinstance(network, ShowerVAE):
            network.measure(slices)
        else:
            network.measure(*_joined(slices))

        def loss(vae: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
            values, conditions = batch
            return vae.loss(values, conditions=conditions, kl_weight=self.settings.kl_weight)

        return train(
            *(network, training, validation, loss, self.settings.training),
            **job.keywords(),
        )

    def sample(self, network: nn.Module, conditions: Tensor) -> Tensor:
        """See `Generator`."""
        from resonaut.nn.networks.vae import ImageVAE

        if isinstance(network, ImageVAE):
            return network.sample(len(conditions), normalise=network.normalise, conditions=conditions)
        return network.sample(conditions)


def _slices(samples: Samples) -> Iterator[tuple[Tensor, ...]]:
    """All rows in their order, on the CPU: dense showers of all rows would not fit in memory."""
    import torch

    for start in range(0, len(samples), _SLICE):
        rows = torch.arange(start, min(len(samples), start + _SLICE))
        yield tuple(column.cpu() for column in samples.take(rows).values)


def _joined(slices: Iterator[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    import torch

    return tuple(torch.cat(column) for column in zip(*slices, strict=True))


def build(settings: Settings) -> Generator:
    """The generator for these settings."""
    return VariationalGenerator(settings)
