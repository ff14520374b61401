"""Capsule network on jet images (arXiv:1710.09829; arXiv:1906.11265)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from resonaut.nn.activation_names import Activation
from resonaut.settings import Count
from resonaut.tag.image_settings import ImageTaggerSettings
from resonaut.tag.interface import Tagger

if TYPE_CHECKING:
    from torch import nn


class Settings(ImageTaggerSettings):
    """Settings of the capsule network; its authors have 256 filters and 32 primary capsules per pixel."""

    filters: Count = Field(64, ge=1, description="Channels of the convolution before the capsules.")
    kernel_size: Count = Field(9, ge=1, description="Pixels of both kernels along each axis.")
    n_primary: Count = Field(8, ge=1, description="Primary capsules per pixel.")
    primary_size: Count = Field(8, ge=1, description="Length of the vectors of primary capsules.")
    class_size: Count = Field(16, ge=1, description="Length of the vectors of the classes.")
    n_iterations: Count = Field(3, ge=1, description="Iterations of the routing by agreement.")
    activation: Activation = Field("relu", description="After the first convolution.")


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network() -> nn.Module:
        from resonaut.nn.networks.capsule import CapsuleNetwork

        return CapsuleNetwork(
            settings.shape,
            filters=settings.filters,
            kernel_size=settings.kernel_size,
            n_primary=settings.n_primary,
            primary_size=settings.primary_size,
            class_size=settings.class_size,
            n_iterations=settings.n_iterations,
            activation=settings.activation,
            standardise=settings.standardise,
        )

    return Tagger(inputs=settings.inputs, network=network)
