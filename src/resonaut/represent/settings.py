"""Settings of the representations."""

from __future__ import annotations

from pydantic import Field

from resonaut.selection import Selection
from resonaut.settings import Count, Settings


class FeatureSettings(Settings):
    """High-level features of the leading jets."""

    soft_drop_beta: float = Field(0.0, description="beta of soft drop (arXiv:1402.2657, eq. 1.1).")
    soft_drop_z_cut: float = Field(0.1, gt=0, lt=0.5, description="z_cut of soft drop.")
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
