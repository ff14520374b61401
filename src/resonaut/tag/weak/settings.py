"""Settings of an entry of `weak`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from resonaut.datasets import Name
from resonaut.settings import Count, Settings

Fraction = Annotated[float, Field(ge=0, le=1)]
Mixture = Annotated[tuple[Fraction, ...], Field(min_length=2, max_length=10)]
WeakMethod = Literal["cwola", "llp"]


class WeakSettings(Settings):
    """What a tagger learns from samples of which only the mixture is known, beside full supervision."""

    tagger: Name = Field(description="Tagger of two classes, trained anew each time.")
    methods: tuple[WeakMethod, ...] = Field(
        ("cwola", "llp"),
        min_length=1,
        description="cwola: tell one mixed sample from the other (arXiv:1708.02949), of two samples, whose "
        "fractions it needs not know; llp: mean predictions of a batch equal the fractions "
        "(arXiv:1702.00414), of two or more. Training with labels on the same rows stands beside them.",
    )
    mixtures: tuple[Mixture, ...] = Field(
        ((0.9, 0.1), (0.8, 0.2), (0.7, 0.3), (0.6, 0.4), (0.55, 0.45)),
        min_length=1,
        description="Fractions of signal of the samples, for each training: [[0.8, 0.2], [0.7, 0.3]].",
    )
    n_seeds: Count = Field(3, ge=2, le=100, description="Trainings of each mixture and method.")
    n_rows: Count | None = Field(
        None, ge=20, description="Training rows of a mixture, all samples; null: as many as all can have."
    )
    batch: Count = Field(
        1024,
        ge=2,
        description="Rows of a batch of llp: the mean of few rows fluctuates, which asks for outputs near "
        "the fractions. It takes as many steps as the others.",
    )
    equivalent: bool = Field(
        True,
        description="Full supervision on (f1 - f2)^2 of the rows besides: they say as much of a small "
        "difference of the classes.",
    )

    @field_validator("mixtures")
    @classmethod
    def _differ(cls, value: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        for mixture in value:
            if len(set(mixture)) < len(mixture):
                raise ValueError(f"{list(mixture)}: equal fractions tell nothing; other ones are expected")
        if len({tuple(sorted(mixture)) for mixture in value}) < len(value):
            raise ValueError("a mixture is named twice")
        return value

    @field_validator("methods")
    @classmethod
    def _once(cls, value: tuple) -> tuple:
        if len(set(value)) < len(value):
            raise ValueError("an entry is named twice")
        return value

    @model_validator(mode="after")
    def _two(self) -> WeakSettings:
        for mixture in self.mixtures if "cwola" in self.methods else ():
            if len(mixture) != 2:
                raise ValueError(
                    f"mixtures: {list(mixture)} are {len(mixture)} samples, and cwola tells two apart; name "
                    "two fractions, or leave cwola out of `methods`"
                )
        return self


class WeakSlice(Settings):
    """The part of the configuration that is used."""

    name: Name
    seed: Count
    weak: WeakSettings
    tag: dict[str, Any] = Field(description="Slice of the tagger: method, kind, settings, seed.")
