"""Settings of the representations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from resonaut.represent.feature_settings import FeatureSettings
from resonaut.selection import Selection
from resonaut.settings import Count, Settings
from resonaut.varying import Variation

Pixels = Annotated[Count, Field(ge=4)]
HalfWidth = Annotated[float, Field(gt=0)]
Factor = Annotated[Count, Field(ge=1)]
Channel = Literal["pt", "charged", "neutral", "multiplicity"]


def _norm(value: Any) -> Any:
    """`true` and `false` say whether the sum is 1."""
    return {True: "sum", False: "none"}[value] if isinstance(value, bool) else value


class ImageSettings(Settings):
    """Jet images (arXiv:1407.5675): centre, rotate, flip, pixelate, transform, normalise, in this order."""

    n_pixels: Pixels | tuple[Pixels, Pixels] = Field(
        40, description="Pixels along each axis, or [rows, columns]: along phi, along eta."
    )
    half_width: HalfWidth | tuple[HalfWidth, HalfWidth] = Field(
        1.0, description="The image covers -half_width to half_width in eta, phi; or [phi, eta]."
    )
    channels: tuple[Channel, ...] = Field(
        ("pt",), min_length=1, description="What pixels add up; `multiplicity` counts constituents."
    )
    centre: Literal["centroid", "axis", "leading", "subjet", "none"] = Field(
        "centroid",
        description="Origin: centroid of pt, the jet's axis, hardest constituent or subjet, eta = phi = 0.",
    )
    subjet_radius: float = Field(0.3, gt=0, description="R of the anti-kt subjets, for `centre: subjet`.")
    rotate: bool = Field(True, description="Principal axis of the jet along the vertical.")
    flip: bool = Field(True, description="Larger sum of pt into the upper right quadrant.")
    transform: Literal["linear", "sqrt", "log"] = Field(
        "linear", description="Pixels become p, sqrt(p) or ln(1 + p); p in GeV, or a count."
    )
    normalise: Annotated[Literal["sum", "max", "l2", "none"], BeforeValidator(_norm)] = Field(
        "sum", description="What is 1 for each image: its sum, largest pixel, sum of squares; none: GeV."
    )

    @field_validator("n_pixels", "half_width")
    @classmethod
    def _one_if_equal(cls, value: Any) -> Any:
        """Equal settings are equal JSON."""
        return value[0] if isinstance(value, tuple) and value[0] == value[1] else value

    @field_validator("channels")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("each channel may be named once")
        return value

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (along phi) and columns (along eta) of an image."""
        return self.n_pixels if isinstance(self.n_pixels, tuple) else (self.n_pixels, self.n_pixels)

    @property
    def window(self) -> tuple[float, float]:
        """Half widths along phi and along eta, radian."""
        return self.half_width if isinstance(self.half_width, tuple) else (self.half_width, self.half_width)


class CloudSettings(Settings):
    """Point clouds: constituents relative to the jet's axis, ragged."""

    n_constituents_max: Count = Field(100, ge=1, description="Leading constituents kept per jet.")


class ShowerSettings(Settings):
    """Calorimeter showers: which, and which of their cells; as cells (`showers`) and as features."""

    threshold: float = Field(
        0.1, ge=0, description="Cells with less visible energy are dropped, MeV; before they are regrouped."
    )
    energy_min: float = Field(0.0, ge=0, description="Least energy of the incident particle, GeV.")
    energy_max: float | None = Field(
        None, gt=0, description="Largest energy of the incident particle, GeV; no upper cut if absent."
    )
    zero_energy: Literal["fail", "drop", "keep"] = Field(
        "fail", description="Showers without a cell above the threshold are an error, left out, or kept."
    )
    regroup: tuple[Factor, Factor, Factor] | None = Field(
        None, description="[layers, rows, columns] of neighbouring cells that become one: [2, 2, 2]."
    )

    @model_validator(mode="after")
    def _ordered(self) -> ShowerSettings:
        if self.energy_max is not None and self.energy_max <= self.energy_min:
            raise ValueError(f"energy_max ({self.energy_max}) must exceed energy_min ({self.energy_min})")
        return self


class RepresentSettings(Settings):
    """What jets and showers become."""

    n_jets: Count = Field(2, ge=1, description="Leading jets per event that are represented.")
    selection: Selection = Selection(n_jets_min=2)
    features: FeatureSettings = FeatureSettings()
    images: ImageSettings = ImageSettings()
    clouds: CloudSettings = CloudSettings()
    showers: ShowerSettings = ShowerSettings()

    @model_validator(mode="before")
    @classmethod
    def _as_many_jets(cls, value: Any) -> Any:
        """A selection that names no number of jets asks for those that are represented."""
        if not isinstance(value, dict) or not isinstance(value.get("selection", {}), dict):
            return value
        n_jets = value.get("n_jets", cls.model_fields["n_jets"].default)
        return {**value, "selection": {"n_jets_min": n_jets, **value.get("selection", {})}}

    @model_validator(mode="after")
    def _enough_jets(self) -> RepresentSettings:
        if self.selection.n_jets_min < self.n_jets:
            raise ValueError(
                f"selection.n_jets_min ({self.selection.n_jets_min}) must be at least n_jets "
                f"({self.n_jets}): every selected event must have the jets that are represented"
            )
        return self


class RepresentTask(RepresentSettings):
    """The slice of the configuration that makes one representation."""

    variation: Variation | None = Field(None, description="What changes before the selection.")


class MixTask(Settings):
    """The slice of the configuration that draws one mixture."""

    mixture: str = Field(description="Name of the mixture.")
    datasets: dict[str, Count | Literal["all"]] = Field(min_length=1, description="Events wanted of each.")
    draw: Count = Field(0, ge=0, description="Which events are drawn.")
    seed: Count = Field(ge=0, description="The study's seed.")
