"""Settings of the representations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from resonaut.selection import Selection
from resonaut.settings import Count, Settings


class FeatureSettings(Settings):
    """High-level features of the leading jets."""

    soft_drop_beta: float = Field(0.0, description="beta of soft drop (arXiv:1402.2657, eq. 1.1).")
    soft_drop_z_cut: float = Field(0.1, gt=0, lt=0.5, description="z_cut of soft drop.")
    radius: float = Field(
        1.0, gt=0, description="R0 of soft drop and of tau_N; cancels in tau ratios and where beta is 0."
    )
    nsubjettiness_beta: float = Field(1.0, gt=0, description="beta of tau_N (arXiv:1108.2701, eq. 1.2).")


class ImageSettings(Settings):
    """Jet images (arXiv:1407.5675): centre, rotate, flip, pixelate, normalise."""

    n_pixels: Count = Field(40, ge=4, description="Pixels along each axis.")
    half_width: float = Field(
        1.0, gt=0, description="The image covers -half_width to half_width in eta, phi."
    )
    rotate: bool = Field(True, description="Principal axis of the jet along the vertical.")
    flip: bool = Field(True, description="Larger sum of pt into the upper right quadrant.")
    normalise: bool = Field(True, description="Sum of the pixels is 1; otherwise GeV.")


class CloudSettings(Settings):
    """Point clouds: constituents relative to the jet's axis, ragged."""

    n_constituents_max: Count = Field(100, ge=1, description="Leading constituents kept per jet.")


class RepresentSettings(Settings):
    """What jets become."""

    n_jets: Count = Field(2, ge=1, description="Leading jets per event that are represented.")
    selection: Selection = Selection(n_jets_min=2)
    features: FeatureSettings = FeatureSettings()
    images: ImageSettings = ImageSettings()
    clouds: CloudSettings = CloudSettings()

    @model_validator(mode="after")
    def _enough_jets(self) -> RepresentSettings:
        if self.selection.n_jets_min < self.n_jets:
            raise ValueError(
                f"selection.n_jets_min ({self.selection.n_jets_min}) must be at least n_jets "
                f"({self.n_jets}): every selected event must have the jets that are represented"
            )
        return self


class MixTask(Settings):
    """The slice of the configuration that draws one mixture."""

    mixture: str = Field(description="Name of the mixture.")
    datasets: dict[str, Count | Literal["all"]] = Field(min_length=1, description="Events wanted of each.")
    draw: Count = Field(0, ge=0, description="Which events are drawn.")
    seed: Count = Field(ge=0, description="The study's seed.")
