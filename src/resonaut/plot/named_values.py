"""Values with errors by name, one below the other, each with its floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLOOR = {"fmt": "s", "ms": 6, "color": "0.55", "mfc": "white"}


@dataclass(frozen=True)
class Named:
    """A value.

    Attributes:
        name: on the axis.
        value, error: of what is judged.
        floor, floor_error: what real samples give; None where it is not known.
        colour: of the point.
    """

    name: str
    value: float
    error: float | None = None
    floor: float | None = None
    floor_error: float | None = None
    colour: str = "black"


def draw_named(
    axes: Axes,
    entries: Sequence[Named],
    x_label: str,
    labels: tuple[str, str],
    *,
    log: bool = False,
    limit: float | None = None,
    limit_label: str = "Target",
) -> None:
    """Draw values as points and floors as open squares, the first entry on top.

    Args:
        axes: needs room for names to its left (`Row.left`).
        entries: one or more.
        x_label: of the values.
        labels: of the values and of the floors.
        log: logarithmic x.
        limit: a line at a value that is wanted.
    """
    y = np.arange(len(entries))[::-1].astype(float)
    for place, entry in zip(y, entries, strict=True):
        axes.errorbar(
            [entry.value], [place + 0.12], xerr=None if entry.error is None else [entry.error],
            fmt="o", ms=6, color=entry.colour,
        )  # fmt: skip
        if entry.floor is not None:
            axes.errorbar(
                [entry.floor],
                [place - 0.12],
                xerr=None if entry.floor_error is None else [entry.floor_error],
                **_FLOOR,
            )
    axes.errorbar([], [], fmt="o", ms=6, color="black", label=labels[0])
    axes.errorbar([], [], label=labels[1], **_FLOOR)
    if limit is not None:
        axes.axvline(limit, color="#e42536", ls="--", lw=1.5, label=limit_label)
    ends = [value for entry in entries for value in (entry.value, entry.floor) if value is not None]
    ends += [] if limit is None else [limit]
    if log:
        from matplotlib.ticker import NullFormatter

        positive = np.log10([value for value in ends if value > 0])
        axes.set_xscale("log")
        axes.set_xlim(10 ** np.floor(positive.min() - 0.1), 10 ** np.ceil(positive.max() + 0.1))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        errors = [e.error or 0.0 for e in entries] + [e.floor_error or 0.0 for e in entries]
        room = 0.08 * (max(ends) - min(ends)) + 1.2 * max(errors, default=0.0) + 1e-3
        axes.set_xlim(min(ends) - room, max(ends) + room)
    axes.set_yticks(y, [entry.name for entry in entries], fontsize=12)
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.set_ylim(-0.7, len(entries) - 0.3)
    axes.set_xlabel(x_label)
    # A frame without an edge keeps the lines out of the words.
    add_legend(axes, frameon=True, framealpha=1, edgecolor="none")
