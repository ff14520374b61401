"""Share of runs that raise an alarm against the size of a fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Detection:
    """One test.

    Attributes:
        label: in the legend; empty for none.
        colour, marker: of the points.
        dashes: of the line.
        size: (n,) of the fault, above 0.
        value, lower, upper: (n,) shares.
    """

    label: str
    colour: str
    marker: str
    dashes: str
    size: np.ndarray
    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def draw_detections(axes: Axes, entries: Sequence[Detection], false_alarms: float, x_label: str) -> None:
    """Shares with binomial errors, and the rate of false alarms that all tests are set to.

    Args:
        false_alarms: rate.
        x_label: what the size of the fault is, with its unit.
    """
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, ScalarFormatter

    axes.axhline(false_alarms, color="0.4", ls="--", lw=1.2, label=f"False alarms, {100 * false_alarms:g} %")
    for entry in entries:
        errors = [np.maximum(entry.value - entry.lower, 0), np.maximum(entry.upper - entry.value, 0)]
        axes.errorbar(
            *(entry.size, entry.value, errors),
            fmt=entry.marker,
            ls=entry.dashes,
            ms=6,
            lw=1.4,
            color=entry.colour,
            label=entry.label,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0, 1.03)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(x_label)
    axes.set_ylabel("Runs that raise an alarm")
    if entries[0].label:
        add_legend(axes, loc="upper left")
