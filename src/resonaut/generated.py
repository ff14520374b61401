"""Datasets whose events are drawn from a generator of the study: `source: generator:<name>`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PrivateAttr, StringConstraints, model_validator

from resonaut.errors import ConfigError, nearest
from resonaut.settings import Count, Settings

if TYPE_CHECKING:
    from resonaut.config import Study
    from resonaut.datasets import Dataset

PREFIX = "generator:"
"""Begins the source of such a dataset."""

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class Range(Settings):
    """A condition that is drawn anew for each row."""

    low: float = Field(description="Least value.")
    high: float = Field(description="Largest value.")
    spacing: Literal["flat", "log"] = Field("flat", description="Uniform in the value or in its logarithm.")

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low > self.high or (self.spacing == "log" and self.low <= 0):
            raise ValueError("low <= high is expected, and 0 < low where spacing is log")
        return self


class GeneratedDataset(Settings):
    """Events of a generator."""

    n_events: Count = Field(ge=1, description="Events (showers, or events of jets) to draw.")
    chunk_events: Count = Field(10_000, ge=1, description="Events per chunk; a chunk is one job.")
    seed: Count | None = Field(
        None, ge=0, description="Seed of this dataset; the study's seed where it is absent."
    )
    like: _Name | None = Field(
        None,
        description="Dataset whose rows give the conditions, in turn, and the columns that are not generated "
        "(kinematics of the jets, the mass of the event).",
    )
    conditions: dict[str, float | str | tuple[float | str, ...] | Range] = Field(
        default_factory=dict,
        description="Conditions that `like` does not give, or others: a number, a list (all combinations, in "
        "turn), or a range {low, high, spacing: flat or log}; `class` takes names of datasets.",
    )
    extrapolate: bool = Field(
        False, description="Allow conditions outside of the training; events/extrapolated marks such rows."
    )
    cross_section: float | None = Field(
        None, gt=0, description="Cross-section of the events as they are made, pb."
    )
    _kind: str = PrivateAttr("features")

    @property
    def kind(self) -> Any:
        """Representation that the generator makes."""
        return self._kind

    def of_kind(self, kind: str) -> GeneratedDataset:
        """The same dataset, of a generator that makes this representation."""
        found = self.model_copy()
        found._kind = kind
        return found

    def chunk_sizes(self) -> list[int]:
        """Number of events of each chunk."""
        full, rest = divmod(self.n_events, self.chunk_events)
        return [self.chunk_events] * full + ([rest] if rest else [])


def generator_of(source: str) -> str | None:
    """Name of the generator that a source is; None for another source."""
    return source.removeprefix(PREFIX) if source.startswith(PREFIX) else None


def resolved(name: str, dataset: Dataset, generators: dict[str, Any]) -> Dataset:
    """The dataset; one that a generator makes knows of what kind it is.

    Args:
        name: of the dataset.
        generators: settings by name.

    Raises:
        ConfigError: there is no such generator.
    """
    method = generator_of(dataset.source)
    if method is None:
        return dataset
    if method not in generators:
        raise ConfigError(
            f"datasets.{name}.source: unknown generator '{method}'. {nearest(method, generators)}"
        )
    settings = dataset.settings.of_kind(generators[method].representation())  # type: ignore[attr-defined]
    return dataset.model_copy(update={"settings": settings})


def check(study: Study) -> None:
    """Check what the generated datasets of a study refer to, and that none is made from itself.

    Raises:
        ValueError: a name is unknown, a condition too many or too few, or there is a cycle.
    """
    for name, entry in study.datasets.items():
        method = generator_of(entry.source)
        if method is None:
            continue
        where, settings, generator = f"datasets.{name}", entry.settings, study.generate[method]
        if settings.like is not None and settings.like not in study.datasets:
            known = nearest(settings.like, study.datasets)
            raise ValueError(f"{where}.like: unknown dataset '{settings.like}'. {known}")
        if settings.like is not None and settings.kind not in study.datasets[settings.like].representations:
            raise ValueError(
                f"{where}.like: {settings.kind} are needed, and of '{settings.like}' none are made"
            )
        for condition in settings.conditions:
            if condition not in generator.conditions:
                known = nearest(condition, generator.conditions)
                raise ValueError(f"{where}.conditions: generate.{method} has no '{condition}'. {known}")
        missing = [c for c in generator.conditions if c not in settings.conditions]
        if settings.like is None and missing:
            raise ValueError(
                f"{where}.conditions: generate.{method} needs {', '.join(missing)} too; give values, or the "
                "dataset that they are taken from (like)"
            )
        if "class" in missing and settings.like not in generator.datasets:
            raise ValueError(
                f"{where}.like: '{settings.like}' is no class of generate.{method}; give conditions.class, "
                f"one of {', '.join(generator.datasets)}"
            )
    for name in study.datasets:
        _no_cycle(study, name, ())


def _no_cycle(study: Study, name: str, path: tuple[str, ...]) -> None:
    method = generator_of(study.datasets[name].source)
    if name in path:
        chain = " <- ".join((*path[path.index(name) :], name))
        raise ValueError(
            f"datasets.{name}: it would be made from itself ({chain}): its generator learns from what it "
            "makes. Let the generator learn other datasets"
        )
    if method is None:
        return
    like = study.datasets[name].settings.like
    for before in (*study.generate[method].datasets, *([like] if like else [])):
        if before in study.datasets:
            _no_cycle(study, before, (*path, name))
