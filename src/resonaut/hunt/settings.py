"""Settings of the hunt."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.hunt.conformal import ConformalSettings
from resonaut.hunt.evaluation_settings import EvaluateSettings
from resonaut.hunt.flattening import FlattenSettings
from resonaut.settings import Count, Settings, validate
from resonaut.stats import families

_MOST_PARAMETERS = 8


class HuntSettings(Settings):
    """Selections on the scores and the smooth background of the selected spectrum."""

    efficiencies: tuple[float, ...] = Field(
        (0.01,), min_length=1, description="Background efficiencies of the selections, fixed beforehand."
    )
    bin_width: float = Field(100.0, gt=0, description="Bins of the spectrum, GeV; window edges lie on them.")
    background: str = Field("dijet", description="Background function, a file of stats/methods/.")
    n_parameters: int | Literal["f_test"] = Field(
        4,
        description="Parameters of the background function, 1 to 8 (which of them, the function says); "
        "`f_test`: the smallest of `orders` that suffices, for each window and selection by its side bands.",
    )
    orders: tuple[Count, ...] = Field(
        (2, 3, 4, 5, 6), min_length=2, description="Numbers of parameters that the F-test chooses from."
    )
    f_test_alpha: float = Field(
        0.05, gt=0, lt=1, description="Level at which more parameters must be better to be chosen."
    )
    background_settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Further settings of the background function, those of its file (`length_slope` of "
        "`gaussian_process`).",
    )
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
    conformal: ConformalSettings | None = Field(
        None,
        description="Rank events of signal regions among those of the side bands, and count the unusual "
        "ones: a test without a fit. Absent: not done.",
    )
    unblind: bool = Field(
        False,
        description="Open the signal regions of mixtures that hold events without truth label. Selections "
        "and backgrounds come from the side bands and are the same before and after.",
    )
    sqrt_s: float = Field(13_000.0, gt=0, description="Centre-of-mass energy, GeV.")
    evaluate: EvaluateSettings = EvaluateSettings()

    @field_validator("n_parameters", mode="before")
    @classmethod
    def _number_or_test(cls, value: Any) -> Any:
        if value == "f_test":
            return value
        try:
            number = TypeAdapter(Count).validate_python(value)
        except ValidationError:
            number = 0
        if not 1 <= number <= _MOST_PARAMETERS:
            raise ValueError(f"a whole number from 1 to {_MOST_PARAMETERS}, or 'f_test', is expected")
        return number

    @field_validator("orders")
    @classmethod
    def _rising(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if list(values) != sorted(set(values)):
            raise ValueError(f"numbers that rise are expected, got {', '.join(map(str, values))}")
        return values

    @model_validator(mode="after")
    def _of_the_function(self) -> HuntSettings:
        if self.background not in registry.names("stats"):
            return self
        for key in ("n_parameters", "sqrt_s"):
            if key in self.background_settings:
                raise ValueError(f"background_settings.{key}: give hunt.{key} itself")
        module = registry.load("stats", self.background)
        if self.n_parameters == "f_test" and not families.has_orders(self.background):
            raise ValueError(f"n_parameters: {self.background} has no orders to choose from; give a number")
        for order, settings in self.functions().items():
            try:
                validate(module.Settings, settings)
            except ConfigError as error:
                own = [f"background_settings.{line}" for line in str(error).splitlines()]
                shown = "\n".join(own).replace("background_settings.n_parameters", "n_parameters")
                raise ValueError(f"{shown} (background: {self.background}, order {order})") from None
        return self

    def functions(self) -> dict[int, dict[str, Any]]:
        """Settings of the background function by its number of parameters; one entry where none is chosen."""
        orders = self.orders if self.n_parameters == "f_test" else (self.n_parameters,)
        return {
            order: families.settings_of(self.background, order, self.sqrt_s, self.background_settings)
            for order in orders
        }

    @field_validator("efficiencies")
    @classmethod
    def _fractions(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        for value in values:
            if not 0 < value <= 1:
                raise ValueError(f"an efficiency lies in (0, 1], got {value:g}")
        if len(set(values)) < len(values):
            raise ValueError("two efficiencies are the same")
        return tuple(sorted(values, reverse=True))
