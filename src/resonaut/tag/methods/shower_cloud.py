"""Hits of showers as points: Deep Sets (arXiv:1810.05165) or edge convolutions (arXiv:1902.08570)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.shower_settings import ShowerTaggerSettings, Width

if TYPE_CHECKING:
    from torch import nn

Input = Literal["energy", "log_energy", "layer", "row", "column", "time"]
PLACES = ("layer", "row", "column")
Layers = Annotated[tuple[Width, ...], Field(min_length=1)]


class Settings(ShowerTaggerSettings):
    """Settings of networks of points."""

    inputs: tuple[Input, ...] = Field(
        ("layer", "row", "column", "log_energy", "energy"),
        min_length=1,
        description="Of each hit; row and column from the centre of the face, time where it is known.",
    )
    network: Literal["deep_sets", "edge_convolutions"] = Field(
        "deep_sets", description="What points are put together by: a sum, or edges to the nearest before it."
    )
    phi: tuple[Width, ...] = Field(
        (64, 64, 64), min_length=1, description="Layers of each point (deep_sets)."
    )
    channels: tuple[Layers, ...] = Field(
        ((16, 16), (32, 32)), min_length=1, description="Layers of each edge convolution."
    )
    k: Count = Field(7, ge=1, description="Neighbours of each point (edge_convolutions).")
    hidden: tuple[Width, ...] = Field((64, 64), min_length=1, description="Hidden layers after the sum.")

    @model_validator(mode="after")
    def _usable(self) -> Settings:
        if len(set(self.inputs)) < len(self.inputs):
            raise ValueError("inputs: one is named twice")
        missing = [name for name in PLACES if name not in self.inputs]
        if self.network == "edge_convolutions" and missing:
            raise ValueError(f"inputs: {' and '.join(missing)} must be among them, to find neighbours in")
        return self


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        n_inputs = len(settings.inputs)
        if settings.network == "deep_sets":
            from resonaut.nn.networks.pfn import ParticleFlowNetwork

            return ParticleFlowNetwork(n_inputs, settings.phi, settings.hidden, n_outputs=n_outputs)
        from resonaut.nn.networks.particlenet import ParticleNet

        return ParticleNet(
            *(n_inputs, settings.channels, settings.k, settings.hidden),
            coordinates=[settings.inputs.index(name) for name in PLACES],
            n_outputs=n_outputs,
        )

    return Tagger(inputs=tuple(settings.inputs), network=network)
