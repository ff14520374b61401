"""A confusion matrix with its numbers in the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR_MARGIN = 1.5
"""Inches that the panel needs to its right, for the colour scale."""
_WHITE_ABOVE = 0.55
_LARGE = 6
_LONG = 5


def draw_confusion(axes: Axes, confusion: Mapping[str, Sequence[Any]], names: Sequence[str]) -> None:
    """Draw fractions of the true class, in per cent, with their errors.

    Args:
        axes: square.
        confusion: fraction, lower, upper: (n_classes, n_classes), row the true class; rows of None are grey.
        names: of the classes.
    """
    fraction, lower, upper = (np.array(confusion[name], float) for name in ("fraction", "lower", "upper"))
    n = len(names)
    axes.set_facecolor("0.85")
    shown = axes.imshow(fraction, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    size = 14 if n <= _LARGE else 9.5
    for row, column in np.argwhere(np.isfinite(fraction)):
        value = fraction[row, column]
        error = 50 * (upper[row, column] - lower[row, column])
        text = f"{100 * value:.1f}" if n > _LARGE else f"{100 * value:.1f}\n$\\pm${error:.1f}"
        colour = "white" if value > _WHITE_ABOVE else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour, linespacing=1.3)
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if n > _LARGE else {}
    axes.set_xticks(range(n), names, fontsize=size + 1, **turned)
    # Long names beside each other would reach the label of the axis.
    upright = {"rotation": 90, "va": "center"} if n <= _LARGE and max(map(len, names)) > _LONG else {}
    axes.set_yticks(range(n), names, fontsize=size + 1, **upright)
    axes.tick_params(which="both", length=0)
    axes.minorticks_off()
    axes.set_xlabel("Predicted class")
    axes.set_ylabel("True class")
    bar = axes.inset_axes((1.03, 0, 0.045, 1))
    axes.figure.colorbar(shown, cax=bar).set_label("Fraction of the true class", fontsize=13)
    bar.tick_params(labelsize=12)
