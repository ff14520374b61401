"""Shares in bins of a variable, with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Profile:
    """Shares of one kind.

    Attributes:
        label: in the legend.
        colour, dashes: of the line.
        value, standard: (n_bins,) and error.
    """

    label: str
    colour: str
    dashes: str
    value: np.ndarray
    standard: np.ndarray


def draw_profiles(
    axes: Axes,
    edges: np.ndarray,
    profiles: Sequence[Profile],
    x_label: str,
    y_label: str,
    *,
    log: bool = False,
    legend: bool = True,
) -> None:
    """Steps with error bands.

    Args:
        edges: (n_bins + 1,) what is drawn, finite.
        log: logarithmic x.
    """
    for entry in profiles:
        style = {"color": entry.colour, "ls": entry.dashes, "lw": 1.8}
        axes.stairs(entry.value, edges, label=entry.label, **style)
        low, high = (
            np.append(side, side[-1]) for side in (entry.value - entry.standard, entry.value + entry.standard)
        )
        axes.fill_between(edges, low, high, step="post", color=entry.colour, alpha=0.25, lw=0)
    if log:
        axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.15 * max(float(np.max(entry.value + entry.standard)) for entry in profiles))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if legend:
        add_legend(axes)
