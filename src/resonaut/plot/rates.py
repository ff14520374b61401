"""Fractions with their intervals, one line each, beside nominal ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = ("o", "s", "D", "^")


@dataclass(frozen=True)
class Rates:
    """Fractions at one nominal level.

    Attributes:
        label: in the legend.
        colour: of the points.
        nominal: drawn as a vertical line; None for none.
        value, low, high: one entry per line, None where there is none.
    """

    label: str
    colour: str
    nominal: float | None
    value: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]


def draw_rates(
    axes: Axes, names: Sequence[str], rates: Sequence[Rates], xlabel: str, *, log: bool = False
) -> None:
    """Draw fractions of each line, from top to bottom.

    Args:
        names: of the lines; empty words leave the side free, for a second panel of the same lines.
        rates: of each level.
        xlabel: what is a fraction of what.
        log: from the smallest end of an interval, or a tenth of the smallest nominal level; values of 0 then
            stand at the left end as arrows.
    """
    least = _least(rates) if log else 0.0
    for number, each in enumerate(rates):
        shift = (number - (len(rates) - 1) / 2) * 0.24
        if each.nominal is not None:
            axes.axvline(each.nominal, color=each.colour, ls="--", lw=1.3, zorder=1)
        shown = [row for row, value in enumerate(each.value) if value is not None]
        for row in shown:
            value, low, high = each.value[row], each.low[row], each.high[row]
            y, at = row + shift, max(value, least)
            axes.plot([max(low, least), high], [y, y], color=each.colour, lw=1.8, zorder=2)
            marker = MARKERS[number % len(MARKERS)] if value >= least else "<"
            axes.plot([at], [y], marker=marker, ms=7, color=each.colour, ls="none", zorder=3)
        axes.plot(
            [],
            [],
            marker=MARKERS[number % len(MARKERS)],
            ms=7,
            color=each.colour,
            ls="none",
            label=each.label,
        )
    for row in range(len(names) - 1):
        axes.axhline(row + 0.5, color="0.88", lw=0.8, zorder=0)
    axes.set_yticks(range(len(names)), names, fontsize=13)
    axes.tick_params(axis="y", which="both", length=0)
    axes.minorticks_off()
    axes.set_ylim(len(names) - 0.5, -0.5)
    if log:
        axes.set_xscale("log")
        axes.set_xlim(least * 0.9, 1.15)
    else:
        axes.set_xlim(0, 1.02)
    axes.set_xlabel(xlabel)


def _least(rates: Sequence[Rates]) -> float:
    nominal = [each.nominal for each in rates if each.nominal is not None]
    lows = [low for each in rates for low in each.low if low]
    return min([*(level / 10 for level in nominal), *lows, 0.1])
