"""Kind `pileup`: minimum-bias events overlaid before jets are clustered, and what is done against them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from resonaut import settings as base
from resonaut.errors import nearest

if TYPE_CHECKING:
    from resonaut.config import Study

TOUCHES = "ingest"
MEAN_MAX = 300.0
"""Of the high-luminosity LHC 200 are expected (CERN-2020-010)."""
EVENTS_MAX = 300_000
"""Minimum-bias events that a job holds in memory, at about 2 kB each."""


class Puppi(base.Settings):
    """PUPPI (arXiv:1407.6013)."""

    r_min: float = Field(0.02, ge=0, lt=1, description="Neighbours nearer than this are no neighbours.")
    r_max: float = Field(0.3, gt=0, le=1, description="Neighbours farther away are none (R0 of the paper).")
    eta_tracks: float = Field(
        2.5, gt=0, le=5, description="|eta| up to which charged particles tell what pile-up looks like."
    )
    weight_min: float = Field(0.1, ge=0, lt=1, description="Particles of smaller weight are removed.")
    neutral_pt_min: float = Field(
        0.2, ge=0, le=100, description="Neutral particles of less weighted pt are removed, GeV."
    )
    neutral_pt_slope: float = Field(
        0.015, ge=0, le=1, description="And this much more per pile-up interaction, GeV."
    )

    @model_validator(mode="after")
    def _ring(self) -> Puppi:
        if self.r_min >= self.r_max:
            raise ValueError(f"r_min ({self.r_min:g}) must be below r_max ({self.r_max:g})")
        return self


class SoftKiller(base.Settings):
    """SoftKiller (arXiv:1407.0408)."""

    cell: float = Field(0.4, ge=0.1, le=2, description="Side of a patch in eta and phi.")
    eta_max: float = Field(2.5, gt=0, le=5, description="The cut is found from particles of smaller |eta|.")
    charged_subtraction: bool = Field(
        False,
        description="Charged particles of other vertices are removed first; then only neutral particles make "
        "the cut, and fall to it.",
    )


class Settings(base.Settings):
    """Pile-up: `mean` minimum-bias events are added to each event, as the detector saw each of them.

    Each use of a minimum-bias event is rotated in phi, and reflected in eta half of the time, by random
    numbers that follow from the number of the event that it is added to.
    """

    mean: float = Field(
        gt=0, le=MEAN_MAX, description="Mean number of pile-up interactions; Poisson distributed."
    )
    minimum_bias: str = Field(description="Simulated dataset of `process: minimum_bias`.")
    datasets: tuple[str, ...] = Field(
        (), description="Datasets that it is added to; if empty to all whose events are simulated."
    )
    mitigation: Literal["none", "charged_subtraction", "puppi", "softkiller"] = Field(
        "none", description="What is done before jets are clustered."
    )
    association: Literal["dz", "truth"] = Field(
        "dz", description="Charged particles belong to the leading vertex by their dz, or by the truth."
    )
    dz_max: float = Field(
        2.0, gt=0, le=100, description="Largest |dz| of a charged particle of the leading vertex, mm."
    )
    beam_spot: float = Field(
        45.0, ge=0, le=500, description="Standard deviation of the vertices along the beam, mm."
    )
    puppi: Puppi = Puppi()
    softkiller: SoftKiller = SoftKiller()
    uses_max: float = Field(
        500.0, gt=0, description="How often a minimum-bias event may be used on average in a dataset."
    )


def applies(study: Study, settings: Settings, dataset: str) -> bool:
    """Whether a dataset gets this pile-up."""
    entry = study.datasets[dataset]
    if settings.datasets:
        return dataset in settings.datasets
    return entry.is_simulated and entry.level == "jets" and not entry.overlaid_only


def check(study: Study, name: str, settings: Settings) -> None:
    """Check an entry of `variations` against the datasets.

    Raises:
        ValueError: one line, that begins with the key.
    """
    where = f"variations.{name}"
    _check_minimum_bias(study, settings, f"{where}.minimum_bias")
    for dataset in settings.datasets:
        _check_dataset(study, settings, dataset, f"{where}.datasets")
    for dataset in sorted(study.datasets):
        if applies(study, settings, dataset) and study.is_simulated(dataset):
            _check_together(study, settings, dataset, where)


def _check_minimum_bias(study: Study, settings: Settings, where: str) -> None:
    name = settings.minimum_bias
    if name not in study.datasets:
        raise ValueError(f"{where}: unknown dataset '{name}'. {nearest(name, study.datasets)}")
    entry = study.datasets[name]
    if not (entry.is_simulated and entry.level == "jets"):
        raise ValueError(
            f"{where}: '{name}' is not simulated with particles (source '{entry.source}'); a dataset "
            "{source: pythia, process: minimum_bias} is expected"
        )
    if not entry.overlaid_only:
        raise ValueError(
            f"{where}: '{name}' has process '{entry.settings.process}', whose hard jets are no pile-up; "
            "'process: minimum_bias' is expected"
        )
    if entry.settings.n_events > EVENTS_MAX:
        raise ValueError(
            f"{where}: '{name}' has {entry.settings.n_events} events, at most {EVENTS_MAX} fit into the "
            "memory of a job; they are used again, rotated"
        )


def _check_together(study: Study, settings: Settings, dataset: str, where: str) -> None:
    """Whether the pile-up of simulated events is that of the same collider and detector, and enough."""
    hard, added = study.datasets[dataset].settings, study.datasets[settings.minimum_bias].settings
    same = {"detector": lambda of: of.detector, "sqrt_s": lambda of: of.energy()}
    for key, value in same.items():
        if value(hard) != value(added):
            raise ValueError(
                f"{where}: {key} of '{dataset}' is {value(hard)}, that of its pile-up "
                f"'{settings.minimum_bias}' is {value(added)}; make them the same, or name the datasets "
                "that fit in 'datasets'"
            )
    needed = hard.n_events * settings.mean
    uses = needed / added.n_events
    if uses > settings.uses_max:
        raise ValueError(
            f"{where}: each of the {added.n_events} events of '{settings.minimum_bias}' would be used "
            f"{uses:.0f} times for dataset '{dataset}', at most {settings.uses_max:g} are allowed "
            f"(uses_max). Simulate at least {needed / settings.uses_max:.0f}"
        )


def _check_dataset(study: Study, settings: Settings, dataset: str, where: str) -> None:
    if dataset not in study.datasets:
        raise ValueError(f"{where}: unknown dataset '{dataset}'. {nearest(dataset, study.datasets)}")
    entry = study.datasets[dataset]
    if entry.overlaid_only:
        raise ValueError(f"{where}: '{dataset}' is pile-up itself; leave it out")
    if entry.level != "jets" or entry.is_generated:
        raise ValueError(
            f"{where}: '{dataset}' holds no particles that jets are clustered from (source '{entry.source}', "
            f"level {entry.level}); leave it out"
        )
    reader = getattr(entry.settings, "reader", "resonaut")
    needs = needed_columns(settings)
    if needs and reader in _WITHOUT_TRACKS:
        raise ValueError(
            f"{where}: the reader '{reader}' of '{dataset}' gives no {' and '.join(needs)} of candidates, "
            f"which the mitigation '{settings.mitigation}' needs; take none or softkiller"
        )
    if reader in _WITH_JETS:
        raise ValueError(
            f"{where}: the reader '{reader}' of '{dataset}' gives jets that are clustered already; pile-up "
            "needs the candidates of whole events"
        )


_WITHOUT_TRACKS = ("lhco",)
_WITH_JETS = ("toptag", "jetclass", "quark_gluon", "nanoaod", "pfnano", "physlite", "treemaker", "images")
"""Readers of formats without the candidates outside jets."""


def needed_columns(settings: Settings) -> tuple[str, ...]:
    """Columns of candidates that the mitigation needs beside their momenta."""
    bare = settings.mitigation == "softkiller" and not settings.softkiller.charged_subtraction
    if settings.mitigation == "none" or bare:
        return ()
    return ("charge", "dz") if settings.association == "dz" else ("charge",)


class Overlay(Settings):
    """What one ingestion is told of the pile-up that it adds."""

    variation: str = Field(description="Name of the entry of `variations`.")
    seed: base.Count = Field(ge=0, description="The study's seed.")


def overlay(study: Study, name: str, settings: Settings) -> dict[str, Any]:
    """`Overlay` for the slice of an ingestion."""
    # What only says whether a study is fine reruns nothing.
    values = settings.model_dump(mode="json", exclude={"datasets", "uses_max"})
    return {"variation": name, "seed": study.seed, **values}
