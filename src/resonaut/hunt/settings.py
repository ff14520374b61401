"""Settings of the hunt."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from resonaut.hunt.evaluation_settings import EvaluateSettings
from resonaut.hunt.flattening import FlattenSettings
from resonaut.settings import Count, Settings


class HuntSettings(Settings):
    """Selections on the scores and the smooth background of the selected spectrum."""

    efficiencies: tuple[float, ...] = Field(
        (0.01,), min_length=1, description="Background efficiencies of the selections, fixed beforehand."
    )
    bin_width: float = Field(100.0, gt=0, description="Bins of the spectrum, GeV; window edges lie on them.")
    background: str = Field("dijet", description="Background function, a file of stats/methods/.")
    n_parameters: Count = Field(4, ge=2, le=5, description="Parameters of the background function.")
    transfer_parameters: Count = Field(
        2,
        ge=0,
        le=4,
        description="Terms of the smooth ratio between the selected spectrum and that of the events that "
        "fail, which then constrain its shape; 0 fits the background function to the selected events alone.",
    )
    fit_region: Literal["sidebands", "range"] = Field(
        "sidebands",
        description="Bins that the background is fitted to: the window's side bands, or the whole range of "
        "the scan outside the window, which is more precise and needs a function that describes all of it.",
    )
    sideband_events_min: Count = Field(
        10, ge=1, description="Fewest selected events in the side bands of a window."
    )
    flatten: FlattenSettings | None = Field(
        None, description="Replace scores by their quantiles at fixed mass before they are cut on."
    )
    unblind: bool = Field(
        False,
        description="Open the signal regions of mixtures that hold events without truth label. Selections "
        "and backgrounds come from the side bands and are the same before and after.",
    )
    sqrt_s: float = Field(13_000.0, gt=0, description="Centre-of-mass energy, GeV.")
    evaluate: EvaluateSettings = EvaluateSettings()

    @field_validator("efficiencies")
    @classmethod
    def _fractions(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        for value in values:
            if not 0 < value <= 1:
                raise ValueError(f"an efficiency lies in (0, 1], got {value:g}")
        if len(set(values)) < len(values):
            raise ValueError("two efficiencies are the same")
        return tuple(sorted(values, reverse=True))
