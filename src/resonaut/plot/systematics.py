"""Systematic changes: of a number by source, and of a distribution by variation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Value = tuple[float, float]
"""A change and its statistical error."""
_MARKERS = {"up": ">", "down": "<", "single": "o"}
_WORDS = {"up": "up", "down": "down", "single": "one variation"}
_ERROR_MAX = 0.25
"""Of a ratio, above which its bin is not drawn."""


@dataclass(frozen=True)
class Changes:
    """Changes of one number, of one tagger for example.

    Attributes:
        label, colour: of the tagger.
        sources: by name, changes by side: up, down, or single.
        total: quadrature sums of all sources, down and up, each with its error.
    """

    label: str
    colour: str
    sources: dict[str, dict[str, Value]] = field(default_factory=dict)
    total: tuple[Value, Value] | None = None


@dataclass(frozen=True)
class Ratio:
    """A varied distribution over the nominal one.

    Attributes:
        label, colour: of the variation.
        value, error: (n_bins,); NaN where there is none.
    """

    label: str
    colour: str
    value: np.ndarray
    error: np.ndarray


def draw_changes(axes: Axes, entries: Sequence[Changes], x_label: str) -> None:
    """Draw a row per source and one of the total, in each a line of points per entry.

    Args:
        axes: needs room for names to its left (`Row.left`).
        entries: with the same sources.
        x_label: what changes, with its unit.
    """
    names = list(entries[0].sources)
    rows = [*names, "All sources"]
    places = np.linspace(0.3, -0.3, len(entries)) if len(entries) > 1 else np.zeros(1)
    ends, sides = [0.0], set()
    for entry, shift in zip(entries, places, strict=True):
        for number, name in enumerate(names):
            for side, (value, error) in entry.sources[name].items():
                y = len(rows) - 1 - number + shift
                axes.errorbar(value, y, xerr=error, fmt=_MARKERS[side], ms=7, color=entry.colour, lw=1.4)
                ends += [value - error, value + error]
                sides.add(side)
        if entry.total is not None:
            (down, down_error), (up, up_error) = entry.total
            axes.plot([down, up], [shift, shift], color=entry.colour, lw=5, solid_capstyle="butt")
            errors = [down_error, up_error]
            axes.errorbar([down, up], [shift] * 2, xerr=errors, fmt="none", color="black", lw=1.2, capsize=3)
            ends += [down - down_error, up + up_error]
        axes.plot([], [], color=entry.colour, lw=5, label=entry.label)
    for side in (side for side in _MARKERS if side in sides):
        axes.plot([], [], _MARKERS[side], color="0.4", ms=7, ls="none", label=_WORDS[side])
    room = 0.06 * (max(ends) - min(ends)) or 1.0
    axes.set_xlim(min(ends) - room, max(ends) + room)
    axes.axvline(0, color="0.4", lw=1, ls="--", zorder=0)
    axes.axhline(0.5, color="0.7", lw=1, zorder=0)
    labels = [name.replace("_", " ") for name in rows]
    axes.set_yticks(np.arange(len(rows))[::-1], labels, fontsize=13)
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(x_label)
    add_legend(axes, ncols=2, frameon=True, framealpha=1, edgecolor="none")


def draw_ratios(axes: Axes, edges: np.ndarray, entries: Sequence[Ratio], x_label: str, y_label: str) -> None:
    """Draw ratios as steps with bands of their errors; bins with large errors are left out.

    Args:
        edges: (n_bins + 1,).
        entries: one or more.
    """
    ends = [0.99, 1.01]
    for entry in entries:
        good = np.isfinite(entry.value) & (entry.error <= _ERROR_MAX)
        value, error = (np.where(good, column, np.nan) for column in (entry.value, entry.error))
        axes.stairs(value, edges, baseline=None, color=entry.colour, lw=2, label=entry.label)
        band = {"fill": True, "color": entry.colour, "alpha": 0.25, "lw": 0}
        axes.stairs(value + error, edges, baseline=value - error, **band)
        ends += [*(value - error)[good], *(value + error)[good]]
    axes.axhline(1, color="0.4", lw=1, ls="--", zorder=0)
    room = 0.05 * (max(ends) - min(ends))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(min(ends) - room, max(ends) + room)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    add_legend(axes, ncols=2, loc="upper center", frameon=True, framealpha=1, edgecolor="none")
