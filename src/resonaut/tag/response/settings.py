"""Settings of an entry of `response`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from resonaut.datasets import Name
from resonaut.settings import Count, Settings

Efficiency = Annotated[float, Field(gt=0, lt=1)]
Names = Annotated[
    tuple[Name, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]


class ResponseSettings(Settings):
    """What variations change in the scores of taggers that were trained on nominal events."""

    tagger: Names = Field((), description="Taggers of two classes, one or a list; if empty all.")
    variations: Names = Field((), description="Entries of `variations`; if empty all.")
    efficiencies: tuple[Efficiency, ...] = Field(
        (0.3, 0.5), min_length=1, max_length=5, description="Signal efficiencies of the thresholds."
    )
    n_bootstrap: Count = Field(200, ge=20, le=10_000, description="Replicas of the events, for errors.")
    n_bins: Count = Field(20, ge=2, le=200, description="Bins of the score.")


class TaggerOf(Settings):
    """What the rows of a tagger are."""

    signal: tuple[Name, ...]
    background: tuple[Name, ...]
    matched: bool = False
    event_weights: bool = False


class VariationOf(Settings):
    """What is told of a variation."""

    kind: str
    source: str
    sigma: float
    column: str | None = Field(None, description="Weight of the events, of a variation of weights.")
    largest: float | None = Field(None, description="Largest factor of these weights that is believed.")
    datasets: tuple[str, ...] = Field((), description="Datasets that it changes.")


class ResponseSlice(Settings):
    """The part of the configuration that is used."""

    name: str
    seed: Count
    response: ResponseSettings
    taggers: dict[str, TaggerOf]
    variations: dict[str, VariationOf]
