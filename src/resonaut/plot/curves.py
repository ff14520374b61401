"""Curves: efficiency against rejection, significance improvement, losses over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_ONE_COLUMN = 6
"""Curves whose names stand below each other in a legend."""


@dataclass(frozen=True)
class Curve:
    """A curve with a band.

    Attributes:
        x, y: (n,).
        lower, upper: (n,) ends of the band; absent for a plain line.
        points: x, y, and ends of the error bar of single points that are drawn and named on the curve.
        dashes: of the line.
    """

    label: str
    colour: str
    x: np.ndarray
    y: np.ndarray
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    points: Sequence[tuple[float, float, float, float]] = ()
    dashes: str = "-"


def _draw(axes: Axes, curve: Curve, **options: object) -> None:
    axes.plot(curve.x, curve.y, color=curve.colour, ls=curve.dashes, label=curve.label, **options)
    if curve.lower is not None and curve.upper is not None:
        axes.fill_between(curve.x, curve.lower, curve.upper, color=curve.colour, alpha=0.25, lw=0)
    for x, y, lower, upper in curve.points:
        axes.errorbar([x], [y], [[y - lower], [upper - y]], fmt="o", ms=6, color="black", zorder=5)


def draw_rejection(axes: Axes, curves: Sequence[Curve], spread: Curve | None = None) -> None:
    """Background rejection against signal efficiency, with the line of a random choice.

    Args:
        curves: x is the signal efficiency, y is 1 / background efficiency; bands are binomial.
        spread: of which only the band is drawn, for example that of networks of other seeds.
    """
    if spread is not None:
        axes.fill_between(
            *(spread.x, spread.lower, spread.upper), color=spread.colour, alpha=0.35, lw=0, label=spread.label
        )
    for curve in curves:
        _draw(axes, curve)
        for x, y, _, upper in curve.points:
            axes.annotate(
                f"1/$\\epsilon_B$ = {float(f'{y:.3g}'):,.0f}".replace(",", " "),
                (x, upper),
                (6, 6),
                textcoords="offset points",
                fontsize=13,
            )
    grid = np.linspace(0.01, 1, 200)
    axes.plot(grid, 1 / grid, color="0.5", ls="--", lw=1.2, label="Random")
    axes.set_yscale("log")
    axes.set_xlim(0, 1)
    axes.set_ylim(0.8, 1.3 * max(float(np.max(_ends(curve))) for curve in curves))
    axes.set_xlabel(r"Signal efficiency $\epsilon_S$")
    axes.set_ylabel(r"Background rejection 1/$\epsilon_B$")
    add_legend(axes, ncols=1 if len(curves) <= _ONE_COLUMN else 2)


def _ends(curve: Curve) -> np.ndarray:
    values = curve.y if curve.upper is None else curve.upper
    return values[np.isfinite(values)]


def draw_improvement(axes: Axes, curves: Sequence[Curve], note: str = "") -> None:
    """Significance improvement eps_S / sqrt(eps_B) (arXiv:1010.3698) against background efficiency.

    Args:
        curves: x is the background efficiency.
        note: title of the legend, for example the cut on the number of background events.
    """
    for curve in curves:
        _draw(axes, curve)
    start = min(float(curve.x.min()) for curve in curves)
    grid = np.geomspace(start, 1, 100)
    axes.plot(grid, np.sqrt(grid), color="0.5", ls="--", lw=1.2, label="Random")
    axes.set_xscale("log")
    axes.set_xlim(start, 1)
    axes.set_ylim(0, 1.05 * max(float(np.max(_ends(curve))) for curve in curves))
    axes.set_xlabel(r"Background efficiency $\epsilon_B$ in the signal region")
    axes.set_ylabel(r"Significance improvement $\epsilon_S / \epsilon_B^{1/2}$")
    add_legend(axes, title=note or None, title_fontsize="x-small")


def draw_losses(
    axes: Axes,
    losses: Mapping[str, np.ndarray],
    bands: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    best: float | None = None,
    best_label: str = "Best epoch",
    y_label: str = "Loss",
) -> None:
    """Losses against epoch, counted from 1.

    Args:
        losses: (n_epochs,) by name, for example training and validation.
        bands: lower and upper ends (n_epochs,) over the networks of an ensemble.
        best: epoch whose weights are kept, counted from 1.
    """
    bands = bands or {}
    for number, (name, values) in enumerate(losses.items()):
        colour = ("#5790fc", "#e42536")[number % 2]
        lower, upper = bands.get(name, (None, None))
        epochs = np.arange(1, len(values) + 1)
        marker = {"marker": "o", "ms": 4} if len(values) <= 30 else {}
        _draw(axes, Curve(name, colour, epochs, np.asarray(values), lower, upper), **marker)
    longest = max(len(values) for values in losses.values())
    if best is not None:
        axes.axvline(best, color="0.5", ls=":", lw=1.5, label=best_label)
    axes.set_xlim(0.5, longest + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if longest < 12:
        axes.xaxis.set_minor_locator(_no_ticks())
    axes.margins(y=0.06)
    axes.autoscale(axis="y")
    axes.set_xlabel("Epoch")
    axes.set_ylabel(y_label)
    # A frame without an edge keeps the line of the best epoch out of the words.
    add_legend(axes, frameon=True, framealpha=1, edgecolor="none")


def draw_watched(axes: Axes, values: np.ndarray, name: str) -> None:
    """A metric of the validation rows under the losses, against the same epochs.

    Args:
        axes: the lower axes of the panel of the losses.
        values: (n_epochs,).
    """
    from matplotlib.ticker import MaxNLocator

    axes.plot(
        np.arange(1, len(values) + 1), values, color="#e42536", marker="o" if len(values) <= 30 else "", ms=4
    )
    axes.margins(y=0.15)
    axes.yaxis.set_major_locator(MaxNLocator(3, prune="upper"))
    axes.set_ylabel(name, loc="center", fontsize=13)


def _no_ticks() -> object:
    from matplotlib.ticker import NullLocator

    return NullLocator()
