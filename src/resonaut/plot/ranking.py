"""Many ROC curves with their ratios to the best, and a table that is their legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.curves import Curve
from resonaut.plot.style import PALETTE_6, PALETTE_10, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES = ("-", "--", ":", "-.")
# The ten colours without its greys and its two lightest, which thin lines on white hide.
_COLOURS = tuple(colour for number, colour in enumerate(PALETTE_10) if number not in (3, 7, 8, 9))
_NOISY_BELOW = 0.25
SPECIAL = "black"
"""Colour of a curve that is no single method, such as an ensemble."""


@dataclass(frozen=True)
class Ranked:
    """A curve of the comparison.

    Attributes:
        curve: x rising signal efficiency, y background rejection; lower and upper ends of its error.
        dashes: of its line.
    """

    curve: Curve
    dashes: str


def line_of(number: int, n_lines: int) -> tuple[str, str]:
    """Colour and dashes of the `number`-th of many lines: no two of 24 are alike."""
    palette = PALETTE_6 if n_lines <= len(PALETTE_6) else _COLOURS
    return palette[number % len(palette)], DASHES[number // len(palette) % len(DASHES)]


def draw_ranking(panel: Panel, ranked: Sequence[Ranked], ratio_to: int = 0) -> None:
    """Draw rejections against signal efficiency and, in the lower axes, their ratios to one of them.

    Args:
        ranked: the curves, without a legend: `draw_table` gives it.
        ratio_to: the curve that the ratios are to; its band is that of its own error.
    """
    reference = ranked[ratio_to].curve
    axes, lower, highest = panel.main, panel.lower, []
    for number, entry in enumerate(ranked):
        curve = entry.curve
        style = {"color": curve.colour, "ls": entry.dashes, "lw": 1.7, "zorder": 3 - number * 1e-3}
        axes.plot(curve.x, curve.y, **style)
        shared = (curve.x >= reference.x[0]) & (curve.x <= reference.x[-1])
        at = np.exp(np.interp(curve.x[shared], reference.x, np.log(reference.y)))
        ratio = curve.y[shared] / at
        lower.plot(curve.x[shared], ratio, **style)
        highest.append(float(ratio[curve.x[shared] > _NOISY_BELOW].max(initial=1.0)))
    if reference.lower is not None and reference.upper is not None:
        band = reference.lower / reference.y, reference.upper / reference.y
        lower.fill_between(reference.x, *band, color="0.8", lw=0, zorder=0)
    grid = np.linspace(0.01, 1, 200)
    axes.plot(grid, 1 / grid, color="0.5", lw=1.2, ls=(0, (1, 3)))
    axes.annotate("Random", (0.45, 1 / 0.45), (0, 4), textcoords="offset points", fontsize=12, color="0.4")
    axes.set_yscale("log")
    axes.set_xlim(0, 1)
    axes.set_ylim(0.8, 2 * max(float(entry.curve.y.max()) for entry in ranked))
    axes.set_ylabel(r"Background rejection 1/$\epsilon_B$")
    lower.set_ylim(0, min(max(1.3, 1.1 * max(highest)), 3.0))
    lower.set_ylabel(f"Ratio to {reference.label}", loc="center", fontsize=13)
    lower.set_xlabel(r"Signal efficiency $\epsilon_S$")


def draw_table(
    axes: Axes,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    ranked: Sequence[Ranked | None],
    widths: Sequence[float],
    row_height: float | None = None,
) -> None:
    """Draw a table whose rows begin with the line of their curve.

    Args:
        axes: an empty panel; its frame is taken away.
        head: (n_columns,) words above the columns.
        rows: (n_columns,) words each, of which the first stands left and the others right in their columns.
        ranked: the curve of each row; None for a row without one.
        widths: (n_columns,) shares of the width, the line before the first included.
        row_height: of one row, as a share of the panel; at most 0.075 by default.
    """
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    right = np.cumsum(widths) / np.sum(widths)
    step = row_height or min(0.075, 0.94 / (len(rows) + 1))
    size = 13 if len(rows) <= 12 else 12

    def write(words: Sequence[str], y: float, **options: object) -> None:
        for number, (word, x) in enumerate(zip(words, right, strict=True)):
            place, side = (0.055, "left") if not number else (x, "right")
            axes.text(place, y, word, ha=side, va="center", fontsize=size, **options)

    y = 1 - step / 2
    write(head, y, fontweight="bold")
    axes.plot([0, 1], [y - 0.55 * step] * 2, color="black", lw=1)
    for words, entry in zip(rows, ranked, strict=True):
        y -= step
        if entry is not None:
            axes.plot([0.0, 0.045], [y, y], color=entry.curve.colour, ls=entry.dashes, lw=2.2)
        write(words, y)
