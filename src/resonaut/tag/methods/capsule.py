"""Capsule network on jet images (arXiv:1710.09829; arXiv:1906.11265)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from resonaut.nn.activation_names import Activation
from resonaut.settings import Count
from resonaut.tag.image_settings import ImageTaggerSettings
from resonaut.tag.interface import Tagger

if TYPE_CHECKING:
    from torch import Tensor, nn


class Settings(ImageTaggerSettings):
    """Settings of the capsule network; its authors have 256 filters and 32 primary capsules per pixel."""

    filters: Count = Field(64, ge=1, description="Channels of the convolution before the capsules.")
    kernel_size: Count = Field(9, ge=1, description="Pixels of both kernels along each axis.")
    n_primary: Count = Field(8, ge=1, description="Primary capsules per pixel.")
    primary_size: Count = Field(8, ge=1, description="Length of the vectors of primary capsules.")
    class_size: Count = Field(16, ge=1, description="Length of the vectors of the classes.")
    n_iterations: Count = Field(3, ge=1, description="Iterations of the routing by agreement.")
    activation: Activation = Field("relu", description="After the first convolution.")
    loss: Literal["margin", "cross_entropy"] = Field(
        "margin", description="Of the lengths of the classes' capsules, or of their log odds."
    )
    decoder: bool = Field(
        False,
        description="Reconstruct the image from the capsule of the true class as well, by layers of 512 and "
        "1024.",
    )
    reconstruction: float = Field(
        0.0005,
        gt=0,
        description="Weight of the sum of squared differences of pixels, with `decoder`. Pixels are "
        "standardised: of 40 x 40 the sum starts near 1600, and with this weight above the margin loss.",
    )


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.capsule import DECODER, CapsuleNetwork

        return CapsuleNetwork(
            settings.shape,
            filters=settings.filters,
            kernel_size=settings.kernel_size,
            n_primary=settings.n_primary,
            primary_size=settings.primary_size,
            class_size=settings.class_size,
            n_iterations=settings.n_iterations,
            decoder=DECODER if settings.decoder else (),
            activation=settings.activation,
            standardise=settings.standardise,
            n_outputs=n_outputs,
        )

    def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        values, label = batch
        return network.loss(values, label, settings.reconstruction, settings.loss)

    plain = settings.loss == "cross_entropy" and not settings.decoder
    return Tagger(inputs=settings.inputs, network=network, loss=None if plain else loss)
