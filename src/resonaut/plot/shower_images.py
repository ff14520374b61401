"""Mean calorimeter showers seen from one side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.images import colour_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _draw(axes: Axes, image: np.ndarray, words: Sequence[str], label: str, **scale: object) -> None:
    # The first axis of the image runs to the right: the shower enters from the left.
    n_right, n_up = image.shape
    extent = (-0.5, n_right - 0.5, -0.5, n_up - 0.5)
    shown = axes.imshow(
        image.T, origin="lower", aspect="auto", extent=extent, interpolation="nearest", **scale
    )
    axes.set_xlabel(words[0])
    axes.set_ylabel(words[1])
    colour_bar(axes, shown, label)


def draw_shower(axes: Axes, image: np.ndarray, words: Sequence[str], label: str, decades: float = 6) -> None:
    """A mean shower on a logarithmic colour scale; empty cells stay white.

    Args:
        axes: needs `BAR_MARGIN` inches to its right.
        image: (n, m) mean energies.
        words: names of both axes of the image; the first runs to the right.
        label: of the colour scale.
        decades: of the colour scale below the largest value.
    """
    from matplotlib.colors import LogNorm

    top = float(image.max()) or 1.0
    norm = LogNorm(top * 10.0**-decades, top)
    _draw(axes, np.where(image > 0, image, np.nan), words, label, norm=norm, cmap="viridis")


def draw_shower_ratio(axes: Axes, ratio: np.ndarray, words: Sequence[str], label: str, reach: float) -> None:
    """A relative difference on a linear scale about zero (white), NaN grey; see `draw_shower`."""
    axes.set_facecolor("0.85")
    _draw(axes, ratio, words, label, cmap="RdBu_r", vmin=-reach, vmax=reach)
