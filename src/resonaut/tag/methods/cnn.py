"""CNN: convolutions on jet images (arXiv:1803.00107; arXiv:1902.09914, section 3.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from resonaut.nn.activation_names import Activation
from resonaut.settings import Count
from resonaut.tag.image_settings import ImageTaggerSettings, Width
from resonaut.tag.interface import Tagger

if TYPE_CHECKING:
    from torch import nn


class Settings(ImageTaggerSettings):
    """Settings of the CNN."""

    filters: tuple[Width, ...] = Field(
        (128, 64, 64, 64), min_length=1, description="Channels after each convolution."
    )
    kernel_size: Count = Field(4, ge=1, description="Pixels of each kernel along each axis.")
    pool_every: Count = Field(2, ge=1, description="Convolutions between two 2 x 2 poolings.")
    hidden: tuple[Width, ...] = Field((64, 256, 256), description="Sizes of the dense layers.")
    activation: Activation = Field("relu", description="After each layer.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Fraction dropped before the last layer.")


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.cnn import ImageCNN

        return ImageCNN(
            settings.shape,
            settings.filters,
            kernel_size=settings.kernel_size,
            pool_every=settings.pool_every,
            hidden=settings.hidden,
            activation=settings.activation,
            dropout=settings.dropout,
            standardise=settings.standardise,
            n_outputs=n_outputs,
        )

    return Tagger(inputs=settings.inputs, network=network)
