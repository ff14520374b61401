"""ResNet on jet images, in its form for small images (arXiv:1512.03385, section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from resonaut.nn.activation_names import ElementwiseActivation
from resonaut.settings import Count
from resonaut.tag.image_settings import ImageTaggerSettings, Width
from resonaut.tag.interface import Tagger

if TYPE_CHECKING:
    from torch import nn


class Settings(ImageTaggerSettings):
    """Settings of the ResNet."""

    widths: tuple[Width, ...] = Field(
        (16, 32, 64),
        min_length=1,
        description="Channels of each stage, ascending; the next has half the pixels.",
    )
    n_blocks: Count = Field(
        3, ge=1, description="Blocks of two convolutions per stage; 3 in three stages are 20 layers."
    )
    activation: ElementwiseActivation = Field("relu", description="After each convolution.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Fraction dropped before the last layer.")


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.resnet import ResNet

        return ResNet(
            settings.shape,
            settings.widths,
            settings.n_blocks,
            activation=settings.activation,
            dropout=settings.dropout,
            standardise=settings.standardise,
            n_outputs=n_outputs,
        )

    return Tagger(inputs=settings.inputs, network=network)
