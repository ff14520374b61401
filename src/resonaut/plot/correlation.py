"""A matrix of correlations, -1 to 1, with its numbers in the cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.images import colour_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WHITE_ABOVE = 0.6
_MANY = 8


def draw_correlation(
    axes: Axes, values: np.ndarray, rows: Sequence[str], columns: Sequence[str], label: str
) -> None:
    """Draw a matrix.

    Args:
        axes: needs room for names to its left, and `images.BAR_MARGIN` inches to its right.
        values: (n_rows, n_columns), -1 to 1; NaN is grey.
        label: of the colour scale.
    """
    axes.set_facecolor("0.85")
    shown = axes.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    size = 12 if len(columns) <= _MANY else 10
    for row, column in np.argwhere(np.isfinite(values)):
        value = values[row, column]
        colour = "white" if abs(value) > _WHITE_ABOVE else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=size, color=colour)
    axes.set_xticks(range(len(columns)), columns, fontsize=13)
    axes.set_yticks(range(len(rows)), rows, fontsize=14 if len(rows) <= 12 else 12)
    axes.tick_params(which="both", length=0)
    axes.minorticks_off()
    colour_bar(axes, shown, label)
