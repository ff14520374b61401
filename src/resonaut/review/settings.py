"""Settings of the review."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from resonaut.review.checks_settings import ChecksSettings
from resonaut.settings import Settings


class ReviewSettings(Settings):
    """Figures and checks."""

    style: Literal["CMS", "ATLAS"] = Field("CMS", description="Style of the figures (mplhep).")
    label: str = Field("Simulation", description="Words beside the experiment's style on each figure.")
    checks: ChecksSettings = ChecksSettings()
