"""Two coordinates of rows: points with the colour of a class or of an observable, and densities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.images import colour_bar
from resonaut.plot.style import add_legend, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINT = {"s": 9, "lw": 0, "rasterized": True}
_MARKERS = ("o", "^", "s", "D", "v", "P")


def draw_classes(
    axes: Axes, first: np.ndarray, second: np.ndarray, group: np.ndarray, names: Mapping[int, str]
) -> None:
    """Points with the colour and the marker of their class.

    Args:
        first, second: (n,) coordinates.
        group: (n,) number of the class.
        names: of the classes, by number.
    """
    for number, name in names.items():
        own = group == number
        colour = series_colour(number, len(names))
        axes.scatter(first[own], second[own], color=colour, alpha=0.55, marker=_MARKERS[number % 6], **_POINT)
        # A legend shows its points as they are, but these are too small to be told apart.
        axes.plot([], [], ls="none", marker=_MARKERS[number % 6], ms=8, color=colour, label=name)
    _window(axes, first, second)
    add_legend(axes)


def draw_coloured(axes: Axes, first: np.ndarray, second: np.ndarray, values: np.ndarray, label: str) -> None:
    """Points with the colour of a value, whose scale spans its central 96 %.

    Args:
        axes: needs `images.BAR_MARGIN` inches to its right.
        label: of the colour scale.
    """
    low, high = np.quantile(values, (0.02, 0.98))
    shown = axes.scatter(first, second, c=values, cmap="viridis", vmin=low, vmax=high, **_POINT)
    _window(axes, first, second)
    colour_bar(axes, shown, label)


def draw_density(axes: Axes, counts: np.ndarray, edges: np.ndarray, label: str) -> None:
    """Counts of rows in cells of two numbers on one range, with the diagonal.

    Args:
        axes: needs `images.BAR_MARGIN` inches to its right.
        counts: (n_bins, n_bins), the first axis along x.
        edges: (n_bins + 1,) of both.
        label: of the colour scale.
    """
    from matplotlib.colors import LogNorm

    shown = axes.imshow(
        np.where(counts > 0, counts, np.nan).T,
        origin="lower",
        extent=(edges[0], edges[-1], edges[0], edges[-1]),
        norm=LogNorm(1, max(2.0, float(counts.max()))),
        cmap="viridis",
        aspect="auto",
        interpolation="nearest",
    )
    axes.plot([edges[0], edges[-1]], [edges[0], edges[-1]], color="0.3", ls="--", lw=1.2)
    colour_bar(axes, shown, label)


def _window(axes: Axes, first: np.ndarray, second: np.ndarray) -> None:
    for values, limit in ((first, axes.set_xlim), (second, axes.set_ylim)):
        low, high = np.quantile(values, (0.002, 0.998))
        room = 0.05 * (high - low) or 1.0
        limit(low - room, high + room)
