"""Significance improvement: curves against either efficiency, and the maxima of many methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = {
    "background": r"Background efficiency $\epsilon_B$",
    "signal": r"Signal efficiency $\epsilon_S$",
}
_ONE_COLUMN = 7
_EXCLUDED = "0.88"
OTHERS, OTHERS_COLOUR = "Other methods", "0.8"
_NUMBERS = 0.44
"""Share of a panel's width that the numbers beside points take."""


@dataclass(frozen=True)
class Gain:
    """What cuts on one score gain, from the tightest that keeps enough background to the loosest.

    Attributes:
        label: in the legend; empty for none.
        dashes: of the line.
        background_efficiency, signal_efficiency, value: (n,), value being eps_S / sqrt(eps_B).
        lower, upper: (n,) ends of the band; None for none.
        best: lower and upper end of the interval of the maximum; None where it is not marked.
    """

    label: str
    colour: str
    background_efficiency: np.ndarray
    signal_efficiency: np.ndarray
    value: np.ndarray
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    dashes: str = "-"
    best: tuple[float, float] | None = None

    def against(self, axis: Literal["background", "signal"]) -> tuple[np.ndarray, np.ndarray]:
        """Efficiencies and the rows that are drawn against them, (m,) each.

        Of cuts of one signal efficiency only the tightest is drawn: the others would be a vertical line.
        """
        if axis == "background":
            return self.background_efficiency, np.arange(len(self.value))
        kept = np.unique(self.signal_efficiency, return_index=True)[1]
        return self.signal_efficiency[kept], kept


def _draw_gain(axes: Axes, gain: Gain, axis: Literal["background", "signal"]) -> None:
    x, rows = gain.against(axis)
    axes.plot(x, gain.value[rows], color=gain.colour, ls=gain.dashes, label=gain.label or "_", zorder=3)
    if gain.lower is not None and gain.upper is not None:
        axes.fill_between(x, gain.lower[rows], gain.upper[rows], color=gain.colour, alpha=0.22, lw=0)
    if gain.best is not None:
        place = int(gain.value[rows].argmax())
        y = gain.value[rows][place]
        errors = [[max(y - gain.best[0], 0.0)], [max(gain.best[1] - y, 0.0)]]
        axes.errorbar(
            [x[place]], [y], errors, fmt="o", ms=6.5, mec="black", color=gain.colour, ecolor="black", zorder=5
        )


def _top(gains: Sequence[Gain]) -> float:
    """The highest value or end of the error of a maximum; bands of few events may leave the panel."""
    ends = [float(np.max(gain.value)) for gain in gains]
    ends += [gain.best[1] for gain in gains if gain.best is not None]
    ends += [float(gain.upper[gain.value.argmax()]) for gain in gains if gain.upper is not None]
    return 1.06 * max(*ends, 1.0)


def draw_gains(
    axes: Axes,
    gains: Sequence[Gain],
    axis: Literal["background", "signal"] = "background",
    *,
    others: Sequence[Gain] = (),
    cut: float | None = None,
    note: str = "",
) -> None:
    """Significance improvement eps_S / sqrt(eps_B) (arXiv:1010.3698) against an efficiency.

    Args:
        gains: curves with their bands and maxima.
        axis: efficiency on the x axis; that of the background is logarithmic.
        others: curves that stand in light grey behind them and may leave the panel.
        cut: least background efficiency, under which too few background events remain; shaded.
        note: title of the legend: it should state the cut.
    """
    for gain in gains:
        _draw_gain(axes, gain, axis)
    for number, gain in enumerate(others):
        x, rows = gain.against(axis)
        label = "_" if number else OTHERS
        axes.plot(x, gain.value[rows], color=OTHERS_COLOUR, lw=1.1, zorder=1, label=label)
    if axis == "background":
        start = min(float(gain.background_efficiency.min()) for gain in (*gains, *others))
        start = start if cut is None else min(start, cut)
        start *= 0.6
        axes.set_xscale("log")
        axes.set_xlim(start, 1)
        grid = np.geomspace(start, 1, 200)
        if cut is not None:
            axes.axvspan(start, cut, color=_EXCLUDED, lw=0, zorder=0)
            axes.axvline(cut, color="0.5", lw=1, zorder=0)
    else:
        axes.set_xlim(0, 1)
        grid = np.linspace(0, 1, 200)
    axes.plot(grid, np.sqrt(grid), color="0.5", ls=(0, (1, 2)), lw=1.3, label="Random")
    axes.set_ylim(0, _top(gains))
    axes.set_xlabel(_LABELS[axis])
    axes.set_ylabel(r"Significance improvement $\epsilon_S / \epsilon_B^{1/2}$")
    columns = 1 if len(gains) < _ONE_COLUMN else 2
    # A frame without an edge keeps the other curves out of the words.
    frame = {"frameon": True, "framealpha": 1, "edgecolor": "none"} if others else {}
    add_legend(axes, title=note or None, title_fontsize="x-small", ncols=columns, alignment="left", **frame)


@dataclass(frozen=True)
class Maximum:
    """A number of one method with its interval.

    Attributes:
        words: at the right end of its line.
        other: the same by another definition, an open diamond; None for none.
    """

    name: str
    colour: str
    value: float
    lower: float
    upper: float
    words: str = ""
    other: float | None = None


def draw_maxima(
    axes: Axes, maxima: Sequence[Maximum], label: str, note: str = "", *, one: bool = False
) -> None:
    """Points with intervals, one method per line, the first on top, and their numbers at the right.

    Args:
        label: of the x axis.
        note: in the lower right corner: what the points are.
        one: a line at 1, where nothing is gained.
    """
    for number, entry in enumerate(maxima):
        errors = [[entry.value - entry.lower], [entry.upper - entry.value]]
        axes.errorbar(
            [entry.value], [number], xerr=errors, fmt="o", ms=7, color=entry.colour, elinewidth=1.8, zorder=3
        )
        if entry.other is not None:
            axes.plot([entry.other], [number], "D", ms=8, mfc="none", color="black", zorder=4)
        axes.annotate(
            entry.words, (1, number), (-6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            ha="right", va="center", fontsize=12,
        )  # fmt: skip
    name_rows(axes, [entry.name for entry in maxima])
    start = min(0.0, *(1.1 * entry.lower for entry in maxima))
    reach = max(1.1, *(max(entry.upper, entry.other or 0.0) for entry in maxima)) - start
    # The numbers stand to the right of all points.
    axes.set_xlim(start, start + reach / (1 - _NUMBERS))
    if one:
        axes.axvline(1, color="0.5", ls=(0, (1, 2)), lw=1.3)
    axes.set_xlabel(label)
    if note:
        axes.text(0.98, 0.015, note, transform=axes.transAxes, ha="right", va="bottom", fontsize=11)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Names at the left of lines 0, 1, ... from the top, with faint guides."""
    from matplotlib.ticker import NullLocator

    axes.set_yticks(range(len(names)), names, fontsize=14 if len(names) <= 12 else 12)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="y", which="both", length=0)
    for number in range(len(names)):
        axes.axhline(number, color="0.92", lw=0.8, zorder=0)
    # Room below the last line for a note.
    axes.set_ylim(len(names) + 0.3, -0.7)
