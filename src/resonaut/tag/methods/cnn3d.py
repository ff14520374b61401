"""CNN in three dimensions on the cells of calorimeter showers (arXiv:1912.06794)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from resonaut.nn.activation_names import ElementwiseActivation
from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.shower_settings import CellTaggerSettings, Width

if TYPE_CHECKING:
    from torch import nn


class Settings(CellTaggerSettings):
    """Settings of the CNN of showers."""

    filters: tuple[Width, ...] = Field(
        (8, 16, 32, 32), min_length=1, description="Channels after each convolution."
    )
    kernel_size: Literal[1, 3, 5, 7] = Field(3, description="Cells of each kernel along each axis.")
    stride: Count = Field(2, ge=1, description="Of each convolution: n cells become n / stride.")
    activation: ElementwiseActivation = Field("relu", description="After each layer.")


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""
    from resonaut.tag.rows.showers import cell_input

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.cnn3d import ShowerCNN

        return ShowerCNN(
            settings.shape,
            settings.filters,
            kernel_size=settings.kernel_size,
            stride=settings.stride,
            hidden=settings.hidden,
            activation=settings.activation,
            dropout=settings.dropout,
            n_outputs=n_outputs,
        )

    return Tagger(inputs=(cell_input(settings.shape), "energy"), network=network)
