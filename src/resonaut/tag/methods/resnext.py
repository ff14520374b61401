"""ResNeXt-50 on jet images (arXiv:1611.05431), with a quarter of the channels (arXiv:1902.09914)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from resonaut.nn.activation_names import ElementwiseActivation
from resonaut.settings import Count
from resonaut.tag.image_settings import ImageTaggerSettings, Width
from resonaut.tag.interface import Tagger

if TYPE_CHECKING:
    from torch import nn


class Settings(ImageTaggerSettings):
    """Settings of the ResNeXt."""

    widths: tuple[Width, ...] = Field(
        (32, 64, 128, 256),
        min_length=1,
        description="Channels inside the blocks of each stage; twice as many leave it.",
    )
    n_blocks: tuple[Width, ...] = Field((3, 4, 6, 3), min_length=1, description="Blocks of each stage.")
    groups: Count = Field(32, ge=1, description="Groups of the 3 x 3 convolutions (cardinality).")
    first_width: Width = Field(64, description="Channels of the first layer.")
    activation: ElementwiseActivation = Field("relu", description="After each convolution.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Fraction dropped before the last layer.")

    @model_validator(mode="after")
    def _fitting(self) -> Settings:
        if len(self.widths) != len(self.n_blocks):
            raise ValueError(f"{len(self.widths)} widths, but n_blocks of {len(self.n_blocks)} stages")
        if any(width % self.groups for width in self.widths):
            raise ValueError(f"widths {list(self.widths)} must be multiples of groups ({self.groups})")
        return self


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.resnet import ResNeXt

        return ResNeXt(
            settings.shape,
            settings.widths,
            settings.n_blocks,
            groups=settings.groups,
            first_width=settings.first_width,
            activation=settings.activation,
            dropout=settings.dropout,
            standardise=settings.standardise,
            n_outputs=n_outputs,
        )

    return Tagger(inputs=settings.inputs, network=network)
