"""Kind `weight`: events count by other weights of theirs, of the parton shower for example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from resonaut import settings as base
from resonaut.errors import nearest

if TYPE_CHECKING:
    from resonaut.config import Study

TOUCHES = "none"


class Settings(base.Settings):
    """Each event is multiplied by a weight that stands in its store as `events/weights/<column>`."""

    column: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", description="Name of the weight.")
    datasets: tuple[str, ...] = Field((), description="Datasets that have it; if empty all.")
    largest: float = Field(
        100.0, gt=1, description="Largest |weight| over the mean that is believed; above is an error."
    )


def applies(study: Study, settings: Settings, dataset: str) -> bool:
    """Whether a dataset is weighted."""
    return dataset in settings.datasets if settings.datasets else True


def check(study: Study, name: str, settings: Settings) -> None:
    """Check an entry of `variations` against the datasets.

    Raises:
        ValueError: one line, that begins with the key.
    """
    for dataset in settings.datasets:
        if dataset not in study.datasets:
            where = f"variations.{name}.datasets"
            raise ValueError(f"{where}: unknown dataset '{dataset}'. {nearest(dataset, study.datasets)}")
    for dataset, entry in study.datasets.items():
        if applies(study, settings, dataset) and entry.is_simulated and not entry.overlaid_only:
            made = getattr(entry.settings, "shower_weights", {})
            if settings.column not in made:
                raise ValueError(
                    f"variations.{name}.column: dataset '{dataset}' is simulated without a weight "
                    f"'{settings.column}'. {nearest(settings.column, made)} Name it in "
                    f"datasets.{dataset}.shower_weights, or list other 'datasets'"
                )
