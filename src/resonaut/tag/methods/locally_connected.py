"""Locally connected network on the cells of calorimeter showers: windows with weights of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from resonaut.nn.activation_names import ElementwiseActivation
from resonaut.tag.interface import Tagger
from resonaut.tag.shower_settings import CellTaggerSettings, Width

if TYPE_CHECKING:
    from torch import nn


class Settings(CellTaggerSettings):
    """Settings of the locally connected network."""

    filters: tuple[Width, ...] = Field((8, 16), min_length=1, description="Numbers per window, by layer.")
    windows: tuple[Width, ...] = Field(
        (3, 2), min_length=1, description="Cells along each axis that become one place, by layer."
    )
    activation: ElementwiseActivation = Field("relu", description="After each layer.")

    @model_validator(mode="after")
    def _as_many(self) -> Settings:
        if len(self.filters) != len(self.windows):
            raise ValueError(
                f"windows: {len(self.windows)} for {len(self.filters)} filters; one for each is expected"
            )
        return self


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""
    from resonaut.tag.rows.showers import cell_input

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.locally_connected import LocallyConnectedNetwork

        return LocallyConnectedNetwork(
            *(settings.shape, settings.filters, settings.windows),
            hidden=settings.hidden,
            activation=settings.activation,
            dropout=settings.dropout,
            n_outputs=n_outputs,
        )

    return Tagger(inputs=(cell_input(settings.shape), "energy"), network=network)
