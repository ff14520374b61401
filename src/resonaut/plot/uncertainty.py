"""Uncertainties of networks: calibration before and after, pulls, lines against a size or a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.style import Panel, add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Series:
    """One line or set of points.

    Attributes:
        x, y, standard: (n,); the error of y may be absent.
    """

    label: str
    colour: str
    marker: str
    x: np.ndarray
    y: np.ndarray
    standard: np.ndarray | None = None


@dataclass(frozen=True)
class Reliability:
    """Bins of one calibration: probability, fraction, lower, upper, (n_bins,) each."""

    label: str
    colour: str
    marker: str
    bins: Mapping[str, Sequence[float]]


def draw_reliabilities(panel: Panel, entries: Sequence[Reliability], x_label: str, y_label: str) -> None:
    """Fractions against probabilities, and their distance from the diagonal below.

    Args:
        panel: with lower axes.
        entries: bins of different calibrations.
    """
    from matplotlib.ticker import MaxNLocator

    axes, reach, start = panel.main, 0.0, 1.0
    for number, entry in enumerate(entries):
        x, y, lower, upper = (
            np.array(entry.bins[name], float) for name in ("probability", "fraction", "lower", "upper")
        )
        errors = [y - lower, upper - y]
        # The first is larger and open, so that another that hardly differs does not hide it.
        shape = {"ms": 5} if number else {"ms": 8, "mfc": "white"}
        look: dict[str, Any] = {"fmt": entry.marker, "color": entry.colour, **shape}
        axes.errorbar(x, y, errors, **look, label=entry.label)
        panel.lower.errorbar(x, y - x, errors, **look)
        reach = max(reach, float(np.abs(np.concatenate([lower - x, upper - x])).max()))
        start = min(start, float(x.min()))
    start = 0.0 if start < 0.4 else 0.95 * start
    axes.plot([start, 1], [start, 1], color="0.5", ls="--", lw=1.2, label="Perfect calibration")
    axes.set_xlim(start - 0.02 * (1 - start), 1 + 0.02 * (1 - start))
    axes.set_ylim(start, 1)
    axes.set_ylabel(y_label)
    add_legend(axes, loc="upper left")
    panel.lower.axhline(0, color="0.5", ls="--", lw=1.2)
    panel.lower.set_ylim(-1.3 * reach, 1.3 * reach)
    panel.lower.yaxis.set_major_locator(MaxNLocator(4, prune="both"))
    panel.lower.set_ylabel("Distance", loc="center")
    panel.bottom.set_xlabel(x_label)


def draw_series(
    axes: Axes,
    entries: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    log: tuple[bool, bool] = (False, False),
) -> None:
    """Points with errors, joined by lines.

    Args:
        log: logarithmic x, y; points at 0 are then left out.
    """
    for entry in entries:
        kept = np.ones(len(entry.x), bool) if not log[1] else entry.y > 0
        if not kept.any():
            continue
        standard = None if entry.standard is None else entry.standard[kept]
        if standard is not None and log[1]:
            # An error that reaches 0 would pull the axis to where nothing is.
            standard = np.stack([np.minimum(standard, 0.9 * entry.y[kept]), standard])
        axes.errorbar(
            *(entry.x[kept], entry.y[kept], standard),
            fmt=f"{entry.marker}-",
            ms=5,
            lw=1.4,
            color=entry.colour,
            label=entry.label,
        )
    axes.set_xscale("log" if log[0] else "linear")
    if log[0]:
        from matplotlib.ticker import NullLocator

        ticks = sorted({float(value) for entry in entries for value in entry.x})
        axes.set_xticks(ticks, [f"{value:.0f}" for value in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yscale("log" if log[1] else "linear")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    add_legend(axes)


def draw_told_apart(axes: Axes, entries: Sequence[Series], y_label: str) -> None:
    """Shares of strange rows above thresholds against those of test rows, with the line of no difference."""
    axes.plot([0, 1], [0, 1], color="0.5", ls="--", lw=1.2, label="No difference")
    for entry in entries:
        axes.plot(entry.x, entry.y, color=entry.colour, ls=entry.marker, label=entry.label)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("Test rows above the threshold")
    axes.set_ylabel(y_label)
    add_legend(axes, loc="upper left")


def draw_pulls(axes: Axes, entries: Sequence[Series], edges: np.ndarray, x_label: str) -> None:
    """Histograms of pulls with their errors, and the unit Gaussian.

    Args:
        entries: y and standard are densities in the bins between `edges`, (n_edges - 1,).
    """
    x = np.linspace(edges[0], edges[-1], 400)
    axes.plot(
        x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi), color="0.5", ls="--", lw=1.6, label="Unit Gaussian"
    )
    middle = 0.5 * (edges[1:] + edges[:-1])
    for entry in entries:
        axes.stairs(entry.y, edges, color=entry.colour, lw=1.4)
        axes.errorbar(
            middle, entry.y, entry.standard, fmt=entry.marker, ms=4, color=entry.colour, label=entry.label
        )
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(x_label)
    axes.set_ylabel("Density")
    add_legend(axes)
