"""Settings of robust training: the key `robust` of a tagger."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from resonaut.datasets import Name
from resonaut.settings import Count, Settings

RobustMethod = Literal["augmentation", "adversarial", "disco", "planing", "parametrised"]
Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Width = Annotated[Count, Field(ge=1)]

OF_VARIATIONS = ("augmentation", "parametrised")
"""Methods that need varied rows."""


class RobustSettings(Settings):
    """How a tagger is kept from following a variation of its inputs, or a variable of the jets."""

    method: RobustMethod = Field(
        description="augmentation: varied jets join the training. adversarial: a second network must not "
        "guess the variation (or the bin of the variable) from the output (arXiv:1611.01046, 1703.03507). "
        "disco: their distance correlation is added to the loss (arXiv:2001.05310). planing: weights that "
        "make the variable flat in each class (arXiv:1908.08959). parametrised: the size of the variation is "
        "an input (arXiv:1601.07913)."
    )
    variations: tuple[Name, ...] = Field(
        (), description="Entries of `variations` whose jets join the training; tests are on nominal jets."
    )
    against: Column | None = Field(
        None,
        description="Instead, for adversarial, disco and planing: a column of the jets, mass for example.",
    )
    strength: float = Field(
        1.0, gt=0, le=1e4, description="lambda: weight of the adversary or of the distance correlation."
    )
    n_bins: Count = Field(
        10, ge=2, le=200, description="Bins of equal content of `against`, for the adversary and planing."
    )
    hidden: tuple[Width, ...] = Field((64, 64), min_length=1, description="Hidden layers of the adversary.")
    at: float = Field(
        0.0,
        description="parametrised: size of the variation at which jets are scored, in standard deviations.",
    )

    @model_validator(mode="after")
    def _against_one(self) -> RobustSettings:
        if self.method in OF_VARIATIONS and (not self.variations or self.against):
            raise ValueError(f"method: {self.method} needs 'variations', and no 'against'")
        if self.method == "planing" and (self.variations or not self.against):
            raise ValueError("method: planing needs 'against', a column of the jets, and no 'variations'")
        if bool(self.variations) == bool(self.against):
            raise ValueError(f"method: {self.method} needs one of 'variations' and 'against'")
        if len(set(self.variations)) < len(self.variations):
            raise ValueError("variations: each may be named once")
        return self
