"""Significance against the number of injected signal events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.improvement import OTHERS, OTHERS_COLOUR
from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEVELS = (3, 5)
_ONE_COLUMN = 7


@dataclass(frozen=True)
class Response:
    """How the significance of one method grows with the signal.

    Attributes:
        n_injected: (n,) rising signal events in the mixture.
        median: (n,) over draws, standard deviations.
        lower, upper: (n,) ends of the band over draws; equal to the median where there is one draw.
    """

    label: str
    colour: str
    n_injected: np.ndarray
    median: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    dashes: str = "-"


def draw_responses(
    axes: Axes,
    responses: Sequence[Response],
    *,
    others: Sequence[Response] = (),
    note: str = "",
    label: str = "Local significance",
) -> None:
    """Significance against injected events, with bands over draws and lines at 3 and 5 sigma.

    The axis is linear up to the smallest number injected and logarithmic beyond, so that no signal at all
    is on it too.

    Args:
        others: methods that stand in light grey behind and may leave the panel.
        note: title of the legend: what the bands are.
    """
    from matplotlib.ticker import NullLocator

    everything = (*responses, *others)
    for entry in responses:
        x = entry.n_injected
        axes.plot(
            x,
            entry.median,
            color=entry.colour,
            ls=entry.dashes,
            marker="o",
            ms=5,
            label=entry.label,
            zorder=3,
        )
        if (entry.upper > entry.lower).any():
            axes.fill_between(x, entry.lower, entry.upper, color=entry.colour, alpha=0.22, lw=0)
    for number, entry in enumerate(others):
        name = "_" if number else OTHERS
        axes.plot(entry.n_injected, entry.median, color=OTHERS_COLOUR, lw=1.1, zorder=1, label=name)
    highest = max(float(np.max(entry.upper)) for entry in responses)
    lowest = min(float(np.min(entry.lower)) for entry in responses)
    for level in _LEVELS:
        axes.axhline(level, color="0.6", ls="--", lw=1, zorder=0)
        axes.annotate(
            f"{level}$\\sigma$", (1, level), (-6, 3), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", fontsize=12, color="0.4", zorder=0,
        )  # fmt: skip
    numbers = np.unique(np.concatenate([entry.n_injected for entry in everything]))
    positive = numbers[numbers > 0]
    if len(positive):
        axes.set_xscale("symlog", linthresh=float(positive.min()), linscale=0.6)
        last = float(positive.max())
        axes.set_xlim(
            -0.12 * float(positive.min()) if 0 in numbers else 0.8 * float(positive.min()), 1.25 * last
        )
    else:
        axes.set_xlim(-1, 1)
    axes.set_xticks(numbers, [f"{number:g}" for number in numbers])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(min(0.0, 1.1 * lowest), max(1.05 * highest, _LEVELS[-1] + 0.5))
    axes.set_xlabel("Injected signal events")
    axes.set_ylabel(rf"{label} [$\sigma$]")
    columns = 1 if len(responses) < _ONE_COLUMN else 2
    frame = {"frameon": True, "framealpha": 1, "edgecolor": "none"} if others else {}
    title = {"title": note or None, "title_fontsize": "x-small", "alignment": "left"}
    add_legend(axes, loc="upper left", ncols=columns, **title, **frame)
