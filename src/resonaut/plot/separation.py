"""How well two showers are told apart, against the distance of their axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Separation:
    """One way to share out hits.

    Attributes:
        low, high: (n,) bins of the distance, cells.
        value, standard: (n,) in each bin and its error; NaN where there are too few pairs.
    """

    label: str
    colour: str
    marker: str
    low: np.ndarray
    high: np.ndarray
    value: np.ndarray
    standard: np.ndarray


def draw_separation(axes: Axes, entries: Sequence[Separation], title: str) -> None:
    """Values with their errors, at the middle of each bin, with the width of the bin."""
    for entry in entries:
        axes.errorbar(
            *(0.5 * (entry.low + entry.high), entry.value, entry.standard, 0.5 * (entry.high - entry.low)),
            fmt=entry.marker,
            ms=5,
            color=entry.colour,
            label=entry.label,
        )
    axes.set_xlim(left=0)
    axes.set_xlabel("Distance of the axes [cells]")
    axes.set_ylabel(title)
    add_legend(axes)
