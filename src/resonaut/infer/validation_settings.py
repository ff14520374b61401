"""Settings of the validation of the inference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from resonaut.infer.families import Family
from resonaut.settings import Count, Settings


class ValidationSettings(Settings):
    """Toys with injected signals, refitted as the data are."""

    n_toys: Count = Field(
        1000, ge=0, description="Toys per window, efficiency, truth and strength; 0: the rule makes none."
    )
    strengths: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (0.0, 1.0, 2.0, 3.0, 5.0), min_length=1, description="Injected signals, in `unit`."
    )
    unit: Literal["sigma", "expected_limit"] = Field(
        "sigma",
        description="sigma: standard deviation of the fitted signal where there is none; expected_limit: "
        "the median expected upper limit.",
    )
    interval_level: float = Field(
        0.682689492137086, gt=0, lt=1, description="Confidence level of the intervals that are tested."
    )
    families: tuple[Family, ...] = Field(
        (Family(function="exponential"),),
        description="Background functions that toys are drawn from besides the one that fits them, names or "
        "`{function, options}`: what is fitted without a signal is the bias of the choice.",
    )

    @field_validator("strengths")
    @classmethod
    def _rising(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(values)) < len(values):
            raise ValueError("two strengths are the same")
        return tuple(sorted(values))
