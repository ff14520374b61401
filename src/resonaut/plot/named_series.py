"""Several numbers of each of several names: a line for each name, a colour and a marker for each number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.improvement import name_rows
from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SPREAD = 0.22
MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Series:
    """A number for each name.

    Attributes:
        label: in the legend.
        colour, marker: of the points.
        value, standard: (n_names,), NaN where there is none.
    """

    label: str
    colour: str
    marker: str
    value: np.ndarray
    standard: np.ndarray


def draw_named_series(axes: Axes, names: Sequence[str], series: Sequence[Series], label: str) -> None:
    """Draw points with errors, the first name on top.

    Args:
        axes: needs room for names to its left (`Row.left`).
        label: of the x axis.
    """
    shift = _SPREAD * (np.arange(len(series)) - (len(series) - 1) / 2)
    for entry, offset in zip(series, shift, strict=True):
        axes.errorbar(
            entry.value,
            np.arange(len(names)) + offset,
            xerr=entry.standard,
            fmt=entry.marker,
            ms=6,
            color=entry.colour,
            label=entry.label,
        )
    name_rows(axes, names)
    errors = [np.nan_to_num(entry.standard) for entry in series]
    ends = np.concatenate(
        [e.value + sign * s for e, s in zip(series, errors, strict=True) for sign in (-1, 1)]
    )
    ends = ends[np.isfinite(ends)]
    low, high = min(0.0, float(ends.min(initial=0))), float(ends.max(initial=0))
    room = 0.06 * (high - low) or 0.1
    axes.set_xlim(low - room * (low < 0), high + room)
    if low < 0:
        axes.axvline(0, color="0.4", lw=1, zorder=1)
    axes.set_ylim(len(names) - 0.3, -0.7)
    axes.set_xlabel(label)
    add_legend(axes, frameon=True, framealpha=1, edgecolor="none")
