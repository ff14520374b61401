"""Event weights that the configuration names: a branch, or one position of a branch with several values."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from pydantic import Field, field_validator

from resonaut import settings as base
from resonaut.errors import BadValueError
from resonaut.ingest.tree_steps import flat

_NAME = re.compile(r"\w+")
_BRANCH = re.compile(r"(?P<branch>\w+)(\[(?P<index>\d{1,6})\])?")


class WeightSettings(base.Settings):
    """Event weights of a reader."""

    weights: dict[str, str] = Field(
        default_factory=dict,
        description="Event weights: name, and branch with a position where it has several values per event: "
        "{scale_up: 'LHEScaleWeight[8]'}. As they stand in the file, not multiplied by anything.",
    )

    @field_validator("weights")
    @classmethod
    def _known_form(cls, value: dict[str, str]) -> dict[str, str]:
        for name, branch in value.items():
            if not (_NAME.fullmatch(name) and _BRANCH.fullmatch(branch)):
                raise ValueError(f"'{name}: {branch}' is no weight, 'scale_up: LHEScaleWeight[8]' is one")
        return value

    def weight_branches(self) -> dict[str, tuple[str, int | None]]:
        """Branch and position of each weight."""
        matches = {name: _BRANCH.fullmatch(text) for name, text in self.weights.items()}
        return {
            name: (match["branch"], None if match["index"] is None else int(match["index"]))
            for name, match in matches.items()
        }


def event_weight(array: Any, index: int | None, where: str, start: int) -> np.ndarray:
    """One weight of each event.

    Args:
        array: the branch (awkward).
        index: position, None for a branch with one value per event.
        where: file and weight, for messages.
        start: entry of the first event, for messages.

    Returns:
        (n_events,) float64.

    Raises:
        BadValueError: a position is given for one value, or none for several, or an event has fewer.
    """
    if array.ndim == 1:
        if index is not None:
            raise BadValueError(f"{where}: it has one value per event. Leave the '[{index}]' out.")
        return np.asarray(array).astype(np.float64)
    if index is None:
        raise BadValueError(f"{where}: it has several values per event. Give a position: '[0]'.")
    values, offsets = flat(array)
    short = np.diff(offsets) <= index
    if short.any():
        row = int(np.argmax(short))
        raise BadValueError(
            f"{where}: it has {offsets[row + 1] - offsets[row]} values in entry {start + row}, '[{index}]' "
            "is asked for. Give a smaller position, or leave the file out."
        )
    return values[offsets[:-1] + index].astype(np.float64)
