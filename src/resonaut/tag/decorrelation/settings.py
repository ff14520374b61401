"""Settings of an entry of `decorrelation`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from resonaut.datasets import Name
from resonaut.settings import Count, Settings
from resonaut.tag.response.settings import Efficiency, Names


class DecorrelationSettings(Settings):
    """How much the background that taggers select looks, in a variable, like all of the background."""

    tagger: Names = Field((), description="Taggers of two classes, one or a list; if empty all.")
    variable: Literal["mass", "pt", "eta"] = Field(
        "mass", description="Column of the jets that the score should not follow; GeV for mass and pt."
    )
    efficiencies: tuple[Efficiency, ...] = Field(
        (0.3, 0.5), min_length=1, max_length=5, description="Signal efficiencies of the thresholds."
    )
    n_bins: Count = Field(40, ge=2, le=500, description="Bins of the variable, of equal width.")
    range: tuple[float, float] | None = Field(
        None,
        description="First and last edge, in the variable's unit; null: where the central 99 % of the "
        "background are.",
    )
    n_bootstrap: Count = Field(200, ge=20, le=10_000, description="Replicas of the jets, for errors.")
    response: Name | None = Field(
        None, description="Entry of `response`: rejection against its change is drawn and tabulated too."
    )

    @model_validator(mode="after")
    def _ascending(self) -> DecorrelationSettings:
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError("range: [low, high] with low < high is expected")
        return self


class DecorrelationSlice(Settings):
    """The part of the configuration that is used."""

    name: str
    seed: Count
    decorrelation: DecorrelationSettings
