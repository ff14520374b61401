"""Rejection of taggers against what they give up for it: sculpting, and changes under variations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "os^Dv<>PX*"


@dataclass(frozen=True)
class Point:
    """A tagger at one threshold.

    Attributes:
        label, colour, marker: of the tagger.
        x, x_error, y, y_error: and their standard errors.
        curve: (2, n) x and y at other thresholds; None where there is none.
    """

    label: str
    colour: str
    marker: str
    x: float
    x_error: float
    y: float
    y_error: float
    curve: np.ndarray | None = None


@dataclass(frozen=True)
class Spectrum:
    """Shares of the bins of a variable."""

    label: str
    colour: str
    shares: np.ndarray
    dashed: bool = False


def draw_points(axes: Axes, points: Sequence[Point], x_label: str, y_label: str, *, log_y: bool) -> None:
    """Draw points with errors, over their curves where they have one."""
    for point in points:
        if point.curve is not None:
            axes.plot(*point.curve, color=point.colour, lw=1.2, alpha=0.8)
        style = {"color": point.colour, "marker": point.marker, "ms": 9, "ls": "none", "capsize": 2}
        # A bar below zero has no end on a logarithmic axis.
        low = min(point.y_error, 0.95 * point.y) if log_y else point.y_error
        axes.errorbar(
            point.x,
            point.y,
            xerr=point.x_error,
            yerr=[[low], [point.y_error]],
            label=point.label.replace("_", " "),
            **style,
        )
    if log_y:
        axes.set_yscale("log")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.margins(0.08)
    add_legend(axes, fontsize=13, ncols=2 if len(points) > 4 else 1)


def draw_spectra(axes: Axes, edges: np.ndarray, spectra: Sequence[Spectrum], x_label: str) -> None:
    """Draw distributions over the same bins, each with sum 1."""
    for spectrum in spectra:
        axes.stairs(
            spectrum.shares,
            edges,
            color=spectrum.colour,
            ls="--" if spectrum.dashed else "-",
            lw=2.5 if spectrum.dashed else 1.6,
            label=spectrum.label.replace("_", " "),
        )
    axes.set_xlabel(x_label)
    axes.set_ylabel("Share of the background per bin")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    add_legend(axes, fontsize=13, ncols=2 if len(spectra) > 5 else 1)
