"""Settings of the inference."""

from __future__ import annotations

from pydantic import Field

from resonaut.settings import Settings


class InferSettings(Settings):
    """p-values and limits."""

    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="Confidence level of the CLs limits.")
    luminosity: float | None = Field(
        None, gt=0, description="Integrated luminosity, 1/fb: limits are then given in fb too."
    )
    closure_tolerance: float = Field(
        0.05, gt=0, description="Largest relative difference of limits between workspace and exact profile."
    )
