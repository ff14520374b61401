"""The section `mixtures` of the configuration: what searches look at, and injected signals."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from resonaut.datasets import Name
from resonaut.settings import Count, Settings

MixtureName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_+:.-]*$", max_length=96)]
Number = Annotated[Count, Field(ge=0)]


class Mixture(Settings):
    """What a search looks at."""

    datasets: dict[Name, Count | Literal["all"]] = Field(
        min_length=1, description="Selected events taken of each dataset: a number, or 'all'."
    )
    inject: dict[Name, Annotated[tuple[Number, ...], Field(min_length=1)]] | None = Field(
        None,
        description="A dataset and numbers of its events: the search runs once with each of them added.",
    )
    seed: Count = Field(0, ge=0, description="Which of a dataset's events are drawn.")
    seeds: tuple[Number, ...] | None = Field(
        None,
        min_length=1,
        description="Several draws in place of `seed`: the search runs once with each, and results show the "
        "spread.",
    )
    methods: tuple[Name, ...] = Field(min_length=1, description="Detectors that search in it.")

    @model_validator(mode="after")
    def _one_injection(self) -> Mixture:
        if self.inject is not None and len(self.inject) != 1:
            raise ValueError(f"inject: one dataset is expected, got {len(self.inject)}")
        for name in self.inject or ():
            if name in self.datasets:
                raise ValueError(f"inject: '{name}' is among the datasets too; name it in one of them")
        if self.seeds is not None and len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed is named twice")
        return self

    def expanded(self, name: str) -> dict[str, Mixture]:
        """The mixtures that this entry stands for: `name`, `name:seed1` or, injected, `name:250:seed1`."""
        if self.inject is None and self.seeds is None:
            return {name: self}
        found = {}
        dataset, counts = next(iter(self.inject.items())) if self.inject else ("", (None,))
        for count in counts:
            for seed in self.seeds or (self.seed,):
                number = "" if count is None else f":{count}"
                datasets = self.datasets if count is None else {**self.datasets, dataset: count}
                found[f"{name}{number}:seed{seed}"] = Mixture(
                    datasets=datasets, seed=seed, methods=self.methods
                )
        return found
