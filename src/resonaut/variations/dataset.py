"""Kind `dataset`: other events in the place of a dataset: another tune, shower or generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from resonaut import settings as base
from resonaut.errors import nearest

if TYPE_CHECKING:
    from resonaut.config import Study

TOUCHES = "none"


class Settings(base.Settings):
    """Events of another model of the same process; they are independent of the nominal ones."""

    replace: dict[str, str] = Field(
        min_length=1, description="Dataset that stands in the place of another: {qcd: qcd_herwig}."
    )


def applies(study: Study, settings: Settings, dataset: str) -> bool:
    """Whether a dataset is replaced."""
    return dataset in settings.replace


def check(study: Study, name: str, settings: Settings) -> None:
    """Check an entry of `variations` against the datasets.

    Raises:
        ValueError: one line, that begins with the key.
    """
    for nominal, other in settings.replace.items():
        where = f"variations.{name}.replace"
        for dataset in (nominal, other):
            if dataset not in study.datasets:
                raise ValueError(f"{where}: unknown dataset '{dataset}'. {nearest(dataset, study.datasets)}")
        if nominal == other:
            raise ValueError(f"{where}: '{nominal}' stands in its own place; name another dataset")
        kinds = [set(study.datasets[dataset].representations) for dataset in (nominal, other)]
        if not kinds[0] <= kinds[1]:
            raise ValueError(
                f"{where}: of '{nominal}' {', '.join(sorted(kinds[0]))} are made, of '{other}' only "
                f"{', '.join(sorted(kinds[1])) or 'none'}"
            )
