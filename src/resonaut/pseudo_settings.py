"""The section `pseudo_experiments` of the configuration: background-only data through the whole chain.

A name and a part are a mixture `<mixture>:<name>:part<k>`, whose files have a leading axis of
pseudo-experiments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from resonaut import encoded
from resonaut.datasets import Name
from resonaut.errors import nearest
from resonaut.mixture_settings import MixtureName
from resonaut.nn.flows import FlowSettings
from resonaut.settings import Count, Settings

if TYPE_CHECKING:
    from resonaut.config import Study

PART = re.compile(r"(?P<mixture>.+):(?P<name>[a-z][a-z0-9_]*):part(?P<part>\d+)")
"""Names of the mixtures of parts."""

GENERATED = "generated_"
"""Begins the names of datasets that are made for pseudo-experiments."""

Events = Annotated[Count, Field(ge=1)]


class Stop(Settings):
    """When to stop early: the p-value of Besag and Clifford (doi:10.1093/biomet/78.2.301)."""

    exceedances: Count = Field(
        25,
        ge=1,
        description="No further round starts when so many pseudo-experiments are as extreme as the data, for "
        "every method and for all together. The relative error of the p-value is then 1 / sqrt(this).",
    )


class FlowSource(Settings):
    """Background events made from the side bands of the mixture, for `source: flow`."""

    n_generated: Count = Field(
        1_000_000, ge=1, description="Events that are made, once; pseudo-experiments share none of them."
    )
    flow: FlowSettings = FlowSettings()


class PseudoExperiments(Settings):
    """Pseudo-experiments of one search: the same selection, training, scan and fit, many times."""

    mixture: MixtureName = Field(description="The mixture whose search is repeated.")
    methods: tuple[Name, ...] = Field(
        (), description="Detectors that are repeated; absent: all of the mixture."
    )
    source: Literal["resample", "disjoint", "flow"] = Field(
        "resample",
        description="resample: drawn with replacement from the datasets, and every copy keeps the fold of "
        "its original (the datasets should be ten times larger than a pseudo-experiment: all share their "
        "fluctuations); disjoint: samples that share no event, which needs large datasets; flow: events that "
        "are made from the mixture's side bands, masses from the smooth fit and features from a conditional "
        "flow.",
    )
    datasets: tuple[Name, ...] = Field(
        (), description="Datasets of background, with truth labels, that events are drawn from; not for flow."
    )
    generate: FlowSource = FlowSource()
    n_events: Events | Literal["as data"] = Field(
        "as data",
        description="Mean number of background events of a pseudo-experiment, which fluctuates (Poisson); as "
        "data: as many as the mixture holds.",
    )
    inject: dict[Name, Events] = Field(
        default_factory=dict,
        description="Mean number of signal events that are added, by dataset (Poisson): a test of power.",
    )
    against: Name | None = Field(
        None, description="Pseudo-experiments without signal that the power of injected ones refers to."
    )
    n: Count = Field(100, ge=1, description="Pseudo-experiments at most.")
    per_job: Count = Field(10, ge=1, description="Pseudo-experiments that one job trains at once.")
    jobs_per_round: Count = Field(
        2, ge=1, description="Jobs that run beside each other before `stop` is looked at again."
    )
    stop: Stop | None = Field(None, description="When to stop early; absent: never, and there are no rounds.")

    @model_validator(mode="after")
    def _one_question(self) -> PseudoExperiments:
        if (self.source == "flow") == bool(self.datasets):
            raise ValueError(
                "datasets: of source 'flow' there are none; 'resample' and 'disjoint' need at least one"
            )
        for name in self.inject:
            if name in self.datasets:
                raise ValueError(f"inject: '{name}' is among the datasets too; name it in one of them")
        if self.against is not None and not self.inject:
            raise ValueError("against: only injected pseudo-experiments have a power; leave it out")
        if self.stop is not None and self.inject:
            raise ValueError("stop: injected pseudo-experiments have no p-value to stop at; leave it out")
        if len(set(self.methods)) < len(self.methods):
            raise ValueError("methods: a method is named twice")
        return self

    @property
    def n_parts(self) -> int:
        """Number of jobs."""
        return -(-self.n // self.per_job)

    @property
    def n_rounds(self) -> int:
        """Number of rounds; 1 without a rule to stop."""
        return 1 if self.stop is None else -(-self.n_parts // self.jobs_per_round)

    def span(self, part: int) -> tuple[int, int]:
        """Index of the first pseudo-experiment of a part, and their number."""
        first = part * self.per_job
        return first, min(self.per_job, self.n - first)

    def round_of(self, part: int) -> int:
        """The round of a part."""
        return 0 if self.stop is None else part // self.jobs_per_round

    def parts_of(self, round_: int) -> range:
        """Parts of a round."""
        if self.stop is None:
            return range(self.n_parts)
        first = round_ * self.jobs_per_round
        return range(first, min(first + self.jobs_per_round, self.n_parts))

    def names(self, name: str) -> Iterator[str]:
        """Names of the mixtures of all parts."""
        return (part_name(self.mixture, name, part) for part in range(self.n_parts))


def part_name(mixture: str, name: str, part: int) -> str:
    """`data:null:part3`."""
    return f"{mixture}:{name}:part{part}"


def check(study: Study) -> None:
    """Check what the pseudo-experiments of a study refer to.

    Raises:
        ValueError: a name is unknown, a dataset has no truth label, or names collide.
    """
    for name, entry in study.pseudo_experiments.items():
        where = f"pseudo_experiments.{name}"
        known(entry.mixture, study.mixtures, f"{where}.mixture", "mixture")
        for method in entry.methods:
            searching = study.mixtures[entry.mixture].methods
            known(method, searching, f"{where}.methods", "detector of the mixture")
        for dataset in (*entry.datasets, *entry.inject):
            known(dataset, study.datasets, f"{where}.datasets", "dataset")
            if study.datasets[dataset].label is None:
                raise ValueError(
                    f"{where}: the events of '{dataset}' have no truth label, and pseudo-experiments are "
                    "opened: data would be seen in its signal regions. Take simulated background"
                )
        if entry.source == "flow":
            generated_features(study, name)
        if entry.against is not None:
            known(entry.against, study.pseudo_experiments, f"{where}.against", "name of pseudo-experiments")
            other = study.pseudo_experiments[entry.against]
            alike = other.mixture == entry.mixture and methods(study, name) == methods(study, entry.against)
            if other.inject or not alike:
                raise ValueError(
                    f"{where}.against: '{entry.against}' must have no signal, and the same mixture and "
                    "methods"
                )
    for dataset in sorted(set(generated(study)) & set(study.datasets)):
        raise ValueError(
            f"datasets.{dataset}: pseudo-experiments make a dataset of this name; choose another"
        )
    for mixture in study.mixtures:
        found = PART.fullmatch(mixture)
        if found and found["name"] in study.pseudo_experiments:
            raise ValueError(
                f"mixtures.{mixture}: a part of pseudo_experiments.{found['name']} would have this name"
            )


def known(name: str, names: Iterable[str], where: str, what: str) -> None:
    """Refuse an unknown name."""
    if name not in names:
        raise ValueError(f"{where}: unknown {what} '{name}'. {nearest(name, names)}")


def methods(study: Study, name: str) -> tuple[str, ...]:
    """Detectors that some pseudo-experiments repeat, sorted."""
    entry = study.pseudo_experiments[name]
    return tuple(sorted(entry.methods or study.mixtures[entry.mixture].methods))


def of_part(study: Study, mixture: str) -> tuple[str, PseudoExperiments, int] | None:
    """Name, settings and number of the part that a mixture is; None for a mixture of the configuration."""
    found = PART.fullmatch(mixture)
    if mixture in study.mixtures or found is None or found["name"] not in study.pseudo_experiments:
        return None
    return found["name"], study.pseudo_experiments[found["name"]], int(found["part"])


def datasets_of(study: Study, mixture: str) -> tuple[str, ...]:
    """Datasets of a mixture, or of a part of pseudo-experiments, sorted."""
    part = of_part(study, mixture)
    if part is None:
        return tuple(sorted(study.mixtures[mixture].datasets))
    name, entry, _ = part
    return tuple(sorted({*background_of(name, entry), *entry.inject}))


def background_of(name: str, entry: PseudoExperiments) -> tuple[str, ...]:
    """Datasets that background events are drawn from; of a flow the one that is made."""
    return (GENERATED + name,) if entry.source == "flow" else entry.datasets


def generated_features(study: Study, name: str) -> tuple[str, ...]:
    """Features that a flow makes: those of all methods, sorted.

    Raises:
        ValueError: a method reads more than features of the mixture's events.
    """
    found: set[str] = set()
    for method in methods(study, name):
        detector = study.detect[method]
        others = [kind for kind in detector.representations() if kind != "features"]
        others += detector.samples_used() or list(encoded.of_detector(detector))
        if others:
            raise ValueError(
                f"pseudo_experiments.{name}.source: a flow makes features alone, and detect.{method} reads "
                f"{others[0]} too; use 'resample' or 'disjoint', or other methods"
            )
        found |= set(detector.features)
    return tuple(sorted(found))


def generated(study: Study) -> dict[str, str]:
    """Names of the pseudo-experiments whose background is made, by the dataset that is."""
    entries = study.pseudo_experiments.items()
    return {GENERATED + name: name for name, entry in entries if entry.source == "flow"}


def compared(study: Study, mixture: str) -> tuple[str, ...]:
    """Pseudo-experiments of a mixture that are compared: one without signal, then those with, sorted.

    The one without is that which most of the others refer to (`against`), the first by name of equals.
    """
    own = {name: entry for name, entry in study.pseudo_experiments.items() if entry.mixture == mixture}
    injected = sorted(name for name, entry in own.items() if entry.inject)
    references = [own[name].against for name in injected]
    without = sorted(set(own) - set(injected), key=lambda name: (-references.count(name), name))
    return tuple([*without[:1], *injected] if without else [])
