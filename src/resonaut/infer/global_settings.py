"""Settings of the global significance."""

from __future__ import annotations

from pydantic import Field

from resonaut.settings import Count, Settings


class TrialsSettings(Settings):
    """Trials of masses, selections and methods, without another training."""

    n_bootstrap: Count = Field(
        2000, ge=0, description="Replicas of the events that count the trials of all tests; 0 for none."
    )
    n_toys: Count = Field(
        2000, ge=0, description="Toys from the fitted backgrounds of each method, to compare; 0 for none."
    )
    reference_z: float = Field(
        0.5, ge=0, lt=3, description="Level of the up-crossings of Gross and Vitells, standard deviations."
    )
    bump_width_max: Count = Field(
        6, ge=0, description="Widest window of the bump hunt without signal shape, bins; 0 for none."
    )
    bump_toys: Count = Field(
        500, ge=1, description="Toys of each bump hunt; the background is fitted again in each."
    )
