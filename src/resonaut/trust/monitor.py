"""What an entry of `monitor` reads: event stores of good data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonaut import references
from resonaut.variation_settings import NOMINAL

if TYPE_CHECKING:
    from resonaut.config import Study
    from resonaut.workflow import Plan


def reads(plan: Plan, name: str) -> dict[str, list[str]]:
    """Files of each option of the command."""
    datasets = plan.study.monitor[name].datasets
    return {"stores": [f"{one}={plan.base}/ingest/{one}/{NOMINAL}/manifest.json" for one in datasets]}


def check(study: Study, name: str) -> None:
    """Check an entry against the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    where = f"monitor.{name}.datasets"
    for dataset in study.monitor[name].datasets:
        references.known(dataset, study.datasets, where, "dataset")
        entry = study.datasets[dataset]
        if entry.level != "jets" or entry.is_generated or entry.overlaid_only:
            raise ValueError(
                f"{where}: '{dataset}' has no event store of jets with constituents, which faults change; "
                "name a dataset of jets"
            )
