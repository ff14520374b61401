"""Settings of `resonaut infer --spectrum`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from resonaut.settings import Count, Settings


class SpectrumUncertainties(Settings):
    """Systematic uncertainties of the signal."""

    luminosity: float = Field(0.0, ge=0, description="Relative, log-normal.")
    acceptance: float = Field(0.0, ge=0, description="Relative, log-normal.")
    energy_scale: float = Field(0.0, ge=0, lt=1, description="Relative shift of the signal's masses.")
    spurious_signal: float | Literal["measured"] = Field(
        0.0,
        description="Events, one standard deviation; or measured: the largest signal that the chosen "
        "function finds on what the other functions expect, within one signal width.",
    )


class SpectrumSettings(Settings):
    """How a histogram is fitted, scanned and limited."""

    column: str | None = Field(None, description="Column of counts; by its name if absent.")
    unit: Literal["GeV", "TeV"] | None = Field(None, description="Of the edges; by the header if absent.")
    mass_min: float | None = Field(None, description="Bins below are left out, GeV.")
    mass_max: float | None = Field(None, description="Bins above are left out, GeV.")
    sqrt_s: float | None = Field(
        None, gt=0, description="Centre-of-mass energy, GeV; that of the file or 13000 if absent."
    )
    functions: list[str] = Field(["dijet"], min_length=1, description="Background functions, primary first.")
    orders: list[Count] | None = Field(
        None, min_length=1, description="Numbers of parameters that are fitted; 2 to 6 if absent."
    )
    n_parameters: Count | None = Field(
        None, ge=1, description="Number of parameters for the scan; by F-test if absent."
    )
    alpha: float = Field(0.05, gt=0, lt=1, description="Level of the F-test.")
    relative_width: float = Field(0.03, gt=0, lt=1, description="Of a Gaussian signal, over its mass.")
    masses: list[float] | None = Field(
        None, min_length=1, description="Tested masses, GeV; two per signal width if absent."
    )
    signal_shape: str | None = Field(None, description="Histogram of a signal, in place of a Gaussian.")
    signal_mass: float | None = Field(
        None, gt=0, description="Mass of that signal, GeV: it is then scaled to every tested mass."
    )
    uncertainties: SpectrumUncertainties = SpectrumUncertainties()
    luminosity: float | None = Field(None, gt=0, description="1/fb: limits are then given in fb too.")
    compare_limits: str | None = Field(
        None, description="CSV of published limits (mass, observed, expected; pb or fb) to stand beside ours."
    )
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="Of the limits.")
    seed: Count = Field(1, ge=0, description="Of the toys.")
    toys: Count = Field(1000, ge=0, description="Pseudo-experiments for each p-value by toys.")
    limit_toys: Count = Field(300, ge=0, description="The same for each hypothesis of a limit; 0 for none.")
    few_events: float = Field(
        10.0, ge=0, description="Below so many expected events under a signal, toys take over."
    )
    bump_widths: tuple[Count, Count] | None = Field(
        None, description="Smallest and largest window of the bump hunt, bins; 2 and half of all if absent."
    )

    @model_validator(mode="after")
    def _consistent(self) -> SpectrumSettings:
        if len(set(self.functions)) != len(self.functions):
            raise ValueError("functions: each once")
        if self.uncertainties.spurious_signal == "measured" and len(self.functions) < 2:
            raise ValueError(
                "uncertainties.spurious_signal: measured wants a second background function in functions"
            )
        if self.signal_mass is not None and self.signal_shape is None:
            raise ValueError("signal_mass: is that of signal_shape, which is absent")
        if self.signal_shape is not None and self.signal_mass is None and self.masses is not None:
            raise ValueError("masses: signal_mass is needed to scale signal_shape to other masses")
        if self.compare_limits is not None and self.luminosity is None:
            raise ValueError("compare_limits: a luminosity is needed to compare cross-sections")
        return self
