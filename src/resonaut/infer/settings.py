"""Settings of the inference."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from resonaut.datasets import Name
from resonaut.infer.families import Family
from resonaut.infer.global_settings import TrialsSettings
from resonaut.infer.trials_settings import TrialsTableSettings
from resonaut.infer.validation_settings import ValidationSettings
from resonaut.settings import Count, Settings

_OF_TEST = (
    "confidence_level",
    "luminosity",
    "acceptance",
    "closure_tolerance",
    "signal",
    "uncertainties",
    "toys",
    "envelope",
)


class SignalSettings(Settings):
    """Shape of the signal in the selected spectrum."""

    shape: Literal["window", "gaussian", "dataset"] = Field(
        "window",
        description="window: the signal region is one bin and the signal is in it (a counting experiment); "
        "gaussian: a peak at the window's centre; dataset: the masses of a simulated dataset. Shapes are "
        "fitted in the bins of the signal region and of the bins that the background is fitted to.",
    )
    relative_width: float = Field(
        0.03, gt=0, lt=1, description="Standard deviation of the gaussian over its mass."
    )
    dataset: Name | None = Field(None, description="Dataset of simulated signal, for shape: dataset.")
    rescale: bool = Field(
        True,
        description="Masses of the dataset are scaled so that their median is each window's centre; false: "
        "the shape stays where it was simulated, and windows away from it fail with a message.",
    )

    @model_validator(mode="after")
    def _dataset(self) -> SignalSettings:
        if (self.shape == "dataset") != (self.dataset is not None):
            raise ValueError("shape: dataset and the key 'dataset' (a simulated signal) belong together")
        return self


class UncertaintySettings(Settings):
    """Systematic uncertainties of the signal; 0 leaves one out."""

    luminosity: float = Field(0.0, ge=0, lt=1, description="Relative, log-normal.")
    acceptance: float = Field(0.0, ge=0, lt=1, description="Of the selected fraction: relative, log-normal.")
    energy_scale: float = Field(
        0.0, ge=0, lt=0.5, description="Relative shift of the mass of the signal at one standard deviation."
    )
    spurious_signal: float | Literal["measured"] = Field(
        0.0,
        description="Events of signal shape that the background function may fake, one standard deviation; "
        "`measured`: from fits to the expectations of the families of `infer.envelope`.",
    )
    statistics: bool = Field(
        False, description="Statistical errors of the simulated shape (signal.shape: dataset)."
    )
    variations: tuple[Name, ...] = Field(
        (),
        description="Sources of `variations` whose effect on the signal is a nuisance parameter of `infer "
        "test`: `jes` for jes_up and jes_down (signal.shape: dataset).",
    )

    @field_validator("spurious_signal")
    @classmethod
    def _events(cls, value: float | str) -> float | str:
        if isinstance(value, float) and value < 0:
            raise ValueError("a number of events is not negative")
        return value

    @field_validator("variations")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a source is named twice")
        return value

    @model_serializer(mode="wrap")
    def _unless_asked(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Slices of studies that name no variations are as they were before there were any.
        return {key: value for key, value in handler(self).items() if key != "variations" or value}

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return any(self.model_dump().values())


class ToySettings(Settings):
    """Toys take the place of asymptotic formulas where few events are expected."""

    n: Count = Field(1000, ge=200, description="Toys per test and hypothesis; each refits the background.")
    below: float = Field(
        10.0, ge=0, description="Expected events in the signal region below which toys are used; 0: never."
    )


class InferSettings(Settings):
    """p-values and limits."""

    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="Confidence level of the CLs limits.")
    luminosity: float | None = Field(
        None, gt=0, description="Integrated luminosity, 1/fb: limits are then given in fb too."
    )
    acceptance: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Fraction of the signal's events that is selected, into all bins: limits in fb are then "
        "on the produced cross-section, otherwise on that of selected events.",
    )
    closure_tolerance: float = Field(
        0.05, gt=0, description="Largest relative difference of limits between workspace and exact profile."
    )
    signal: SignalSettings = SignalSettings()
    uncertainties: UncertaintySettings = UncertaintySettings()
    toys: ToySettings = ToySettings()
    envelope: tuple[Family, ...] = Field(
        (),
        description="Further background functions, names or `{function, options}`: the choice among them "
        "and hunt.background is profiled (arXiv:1408.6865).",
    )
    validation: ValidationSettings = ValidationSettings()
    trials: TrialsSettings = TrialsSettings()
    trials_table: TrialsTableSettings = TrialsTableSettings()

    @model_validator(mode="after")
    def _shape(self) -> InferSettings:
        if self.signal.shape == "window" and self.uncertainties.energy_scale:
            raise ValueError(
                "uncertainties.energy_scale moves a shape, and signal.shape: window has none; use gaussian "
                "or dataset, or put the change of the window's content into uncertainties.acceptance"
            )
        if self.signal.shape != "dataset" and self.uncertainties.statistics:
            raise ValueError(
                "uncertainties.statistics is of simulated events: it needs signal.shape: dataset"
            )
        if self.signal.shape != "dataset" and self.uncertainties.variations:
            raise ValueError(
                "uncertainties.variations change simulated events of the signal: they need signal.shape: "
                "dataset. The background of a search comes from data and takes none; for other shapes use "
                "uncertainties.acceptance and uncertainties.energy_scale"
            )
        if self.uncertainties.spurious_signal == "measured" and not self.envelope:
            raise ValueError(
                "uncertainties.spurious_signal: measured needs other background functions: list them in "
                "envelope"
            )
        return self

    def of_test(self) -> dict[str, Any]:
        """The keys that `infer test` reads; the others belong to other rules of the stage."""
        return self.model_dump(mode="json", include=set(_OF_TEST))
