"""Jet images side by side, with one logarithmic colour scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAR_GAP, _BAR_WIDTH = 0.03, 0.045
BAR_MARGIN = 1.5
"""Inches that a panel with a colour scale needs to its right."""


def colour_bar(axes: Axes, image: object, label: str) -> None:
    """The colour scale of an image to the right of its panel, in the margin `BAR_MARGIN`."""
    bar = axes.inset_axes((1 + _BAR_GAP, 0, _BAR_WIDTH, 1))
    axes.figure.colorbar(image, cax=bar).set_label(label, fontsize=13)
    bar.tick_params(labelsize=12)


def _window(half_width: float | Sequence[float]) -> tuple[float, float]:
    """Half widths along phi and along eta."""
    return tuple(half_width) if isinstance(half_width, Sequence) else (half_width, half_width)


def _extent(half_width: float | Sequence[float]) -> tuple[float, float, float, float]:
    phi, eta = _window(half_width)
    return -eta, eta, -phi, phi


def _frame(axes: Axes, half_width: float | Sequence[float], rotated: bool = True) -> None:
    turned = " (rotated)" if rotated else ""
    axes.set_xlabel(rf"$\Delta\eta${turned}")
    axes.set_ylabel(rf"$\Delta\phi${turned} [rad]")
    left, right, bottom, top = _extent(half_width)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def draw_images(
    axes: Sequence[Axes],
    images: Sequence[np.ndarray],
    half_width: float | Sequence[float],
    decades: float = 5.0,
    label: str = r"Mean fraction of $p_T$ per pixel",
    rotated: bool = True,
) -> None:
    """Draw images on one logarithmic colour scale.

    Args:
        axes: one per image; each needs `BAR_MARGIN` inches to its right.
        images: (n_rows, n_columns) each, row along phi, column along eta; empty pixels stay white.
        half_width: the image covers -half_width to half_width; one number, or those of phi and eta.
        decades: decades of the colour scale below the largest pixel.
        label: of the colour scale.
        rotated: whether the axes are the jet's own and not eta and phi.
    """
    from matplotlib.colors import LogNorm

    top = max(float(image.max()) for image in images)
    norm = LogNorm(top * 10.0**-decades, top)
    for panel, image in zip(axes, images, strict=True):
        shown = panel.imshow(
            np.where(image > 0, image, np.nan),
            origin="lower",
            norm=norm,
            cmap="viridis",
            aspect="equal",
            extent=_extent(half_width),
            interpolation="nearest",
        )
        _frame(panel, half_width, rotated)
        colour_bar(panel, shown, label)


def draw_difference(
    axes: Axes, difference: np.ndarray, half_width: float, label: str, reach: float = 1.0
) -> None:
    """Draw a signed image on a linear scale that is symmetric about zero (white).

    Args:
        difference: (n_pixels, n_pixels), NaN (grey) where it is not defined.
        reach: ends of the colour scale; values beyond have the colours of the ends.
    """
    axes.set_facecolor("0.85")
    shown = axes.imshow(
        difference,
        origin="lower",
        cmap="RdBu_r",
        vmin=-reach,
        vmax=reach,
        aspect="equal",
        extent=_extent(half_width),
        interpolation="nearest",
    )
    _frame(axes, half_width)
    colour_bar(axes, shown, label)
