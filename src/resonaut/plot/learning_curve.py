"""The error of a network against the number of rows that it learnt from, and of folds beside the spreads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import PALETTE_6, add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Points:
    """Measured values.

    Attributes:
        label: in the legend.
        colour, marker: of the points.
        x, value, standard: (n,).
    """

    label: str
    colour: str
    marker: str
    x: np.ndarray
    value: np.ndarray
    standard: np.ndarray


@dataclass(frozen=True)
class Law:
    """A fitted curve with its band, (n,) each.

    Attributes:
        label: in the legend.
        known: the largest x that was measured; beyond it the curve is dashed.
    """

    label: str
    x: np.ndarray
    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    known: float


def draw_learning_curve(axes: Axes, points: Sequence[Points], law: Law | None, y_label: str) -> None:
    """Points with errors against the number of rows, and the fitted law."""
    if law is not None:
        axes.fill_between(law.x, law.lower, law.upper, color="0.85", lw=0, label="68 % interval of the law")
        inside = law.x <= law.known
        axes.plot(law.x[inside], law.value[inside], color="0.25", lw=1.6, label=law.label)
        beyond = np.flatnonzero(~inside)
        if len(beyond):
            start = max(0, beyond[0] - 1)
            axes.plot(law.x[start:], law.value[start:], color="0.25", lw=1.6, ls=(0, (4, 2)))
    for entry in points:
        axes.errorbar(
            *(entry.x, entry.value, entry.standard),
            fmt=entry.marker,
            ms=7,
            color=entry.colour,
            label=entry.label,
        )
    axes.set_xscale("log")
    axes.set_xlabel("Training rows")
    axes.set_ylabel(y_label)
    axes.margins(y=0.08)
    axes.autoscale_view()
    add_legend(axes)


def draw_folds(
    axes: Axes,
    values: np.ndarray,
    standard: np.ndarray,
    mean: float,
    spreads: tuple[float, float],
    y_label: str,
) -> None:
    """Folds with their statistical errors, over the spread of seeds and that of the number of test rows.

    Args:
        values, standard: (n_folds,).
        mean: of all seeds, on the test rows.
        spreads: standard deviations of the number of test rows, and of seeds.
    """
    n_folds = len(values)
    statistical, seeds = spreads
    axes.axhspan(
        mean - statistical, mean + statistical, color="0.88", lw=0, label="Test rows, statistical error"
    )
    axes.axhspan(mean - seeds, mean + seeds, color=PALETTE_6[1], alpha=0.6, lw=0, label="Spread of seeds")
    axes.axhline(mean, color="0.25", lw=1.4, label="Mean of seeds, test rows")
    if n_folds:
        fold = np.arange(1, n_folds + 1)
        axes.errorbar(fold, values, standard, fmt="o", ms=7, color=PALETTE_6[0], label="Folds")
        axes.set_xticks(fold)
        axes.minorticks_off()
    axes.set_xlim(0.4, max(n_folds, 1) + 0.6)
    axes.set_xlabel("Fold")
    axes.set_ylabel(y_label)
    ends = np.concatenate([values - standard, values + standard, [mean - statistical, mean + statistical]])
    room = 0.1 * (ends.max() - ends.min())
    axes.set_ylim(ends.min() - room, ends.max() + room)
    add_legend(axes)
