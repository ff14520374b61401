"""Settings of the comparison of global p-values on pseudo-experiments."""

from __future__ import annotations

from pydantic import Field, field_validator

from resonaut.settings import Count, Settings


class TrialsTableSettings(Settings):
    """How often each way to a global p-value errs, and how often it finds."""

    levels: tuple[float, ...] = Field(
        (0.05, 0.01), min_length=1, description="Nominal false-positive rates of the table."
    )
    n_toys: Count = Field(
        200, ge=0, description="Toys of each pseudo-experiment, every one refitted; 0: no toys of the scan."
    )
    n_bootstrap: Count = Field(
        200, ge=0, description="Bootstrap replicas of each pseudo-experiment, every one refitted; 0: none."
    )
    experiments_max: Count = Field(
        100,
        ge=1,
        description="Pseudo-experiments of each set that toys and bootstrap are made of, the first.",
    )

    @field_validator("levels")
    @classmethod
    def _fractions(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        for value in values:
            if not 0 < value < 1:
                raise ValueError(f"a level lies between 0 and 1, got {value:g}")
        return tuple(sorted(set(values), reverse=True))
