"""What toys say of fits: fitted against injected signal, pulls, coverage, and goodness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import Panel, add_legend, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAND = "0.88"
"""Where right values scatter: within two of their errors."""
N_SINGLE = 8
"""Windows that can be told apart; of more the median and the range should be drawn (`summary`)."""
_STEP, _SPREAD = 0.07, 0.5
_FONT = 12


@dataclass(frozen=True)
class Points:
    """One series.

    Attributes:
        label: in the legend; empty for none.
        filled: open markers stand for another truth than the function that is fitted.
        x: (n,); y, low, high: (n,) values and the ends of their error bars, NaN where there is none.
        band: a line and a band in place of markers and bars.
    """

    label: str
    colour: str
    filled: bool
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    band: bool = False

    def minus(self, expected: np.ndarray) -> Points:
        """The same relative to (n,) expected values, without a label."""
        ends = (values - expected for values in (self.y, self.low, self.high))
        return Points("", self.colour, self.filled, self.x, *ends, self.band)


def summary(series: Sequence[Points], label: str, colour: str) -> Points:
    """Median and range of the values of several series with the same x, without their errors."""
    values = np.array([points.y for points in series])
    ends = np.nanmedian(values, 0), np.nanmin(values, 0), np.nanmax(values, 0)
    return Points(label, colour, series[0].filled, series[0].x, *ends, band=True)


def draw_points(axes: Axes, series: Sequence[Points]) -> None:
    """Points with errors, side by side, or lines with bands."""
    bars = [points for points in series if not points.band]
    step = min(_STEP, _SPREAD / max(len(bars), 1))
    for number, points in enumerate(bars):
        shift = step * (number - (len(bars) - 1) / 2)
        axes.errorbar(
            points.x + shift,
            points.y,
            [points.y - points.low, points.high - points.y],
            fmt="os"[not points.filled],
            ms=5,
            mfc=points.colour if points.filled else "white",
            color=points.colour,
            elinewidth=1.3,
            label=points.label or "_",
        )
    for points in series:
        if points.band:
            axes.fill_between(points.x, points.low, points.high, color=points.colour, alpha=0.25, lw=0)
            axes.plot(points.x, points.y, "-" if points.filled else "--", color=points.colour,
                      label=points.label or "_")  # fmt: skip


def _shade(axes: Axes, value: float, half: float) -> None:
    axes.axhspan(value - half, value + half, color=BAND, lw=0, zorder=0)
    axes.axhline(value, color="0.4", lw=1, zorder=0.5)


def draw_linearity(
    panel: Panel, series: Sequence[Points], labels: tuple[str, str], unit: str, note: str = ""
) -> None:
    """Fitted against true signal above, their difference below.

    Args:
        series: x true, y fitted.
        labels: of x and y.
        unit: of both.
        note: title of the legend.
    """
    x = np.unique(np.concatenate([points.x for points in series]))
    margin = 0.08 * max(float(x[-1] - x[0]), 1.0)
    ends = np.array([x[0] - margin, x[-1] + margin])
    panel.main.plot(ends, ends, color="0.4", lw=1, label="Equal", zorder=0)
    draw_points(panel.main, series)
    panel.lower.axhline(0, color="0.4", lw=1, zorder=0)
    draw_points(panel.lower, [points.minus(points.x) for points in series])
    panel.main.set_xlim(*ends)
    panel.lower.margins(y=0.15)
    panel.main.set_ylabel(f"{labels[1]} [{unit}]")
    panel.lower.set_ylabel(f"Difference [{unit}]", loc="center", fontsize=_FONT)
    panel.bottom.set_xlabel(f"{labels[0]} [{unit}]")
    add_legend(panel.main, loc="upper left", title=note or None, title_fontsize="x-small", alignment="left")


def draw_pulls(panel: Panel, means: Sequence[Points], widths: Sequence[Points], n_toys: int) -> None:
    """Means of pulls above and their widths below, with bands of two errors around 0 and 1.

    Args:
        means, widths: against the injected signal in standard deviations.
        n_toys: toys behind each point.
    """
    _shade(panel.main, 0, 2 / n_toys**0.5)
    _shade(panel.lower, 1, 2 / (2 * n_toys) ** 0.5)
    draw_points(panel.main, means)
    draw_points(panel.lower, widths)
    _limits(panel.main, means, 0, 3 / n_toys**0.5)
    _limits(panel.lower, widths, 1, 3 / (2 * n_toys) ** 0.5)
    panel.main.set_ylabel("Mean of the pulls")
    panel.lower.set_ylabel("Width of the pulls", loc="center", fontsize=_FONT)
    _injected(panel, means)


def draw_coverage(
    panel: Panel,
    limits: Sequence[Points],
    intervals: Sequence[Points],
    levels: tuple[float, float],
    n_toys: int,
) -> None:
    """Coverage of upper limits above and of intervals below, with bands of two errors around their levels.

    Args:
        limits, intervals: against the injected signal in standard deviations.
        levels: confidence levels of limits and intervals.
        n_toys: toys behind each point.
    """
    for axes, series, level in zip((panel.main, panel.lower), (limits, intervals), levels, strict=True):
        error = (level * (1 - level) / n_toys) ** 0.5
        _shade(axes, level, 2 * error)
        draw_points(axes, series)
        _limits(axes, series, level, 3 * error)
    panel.main.set_ylabel(f"Coverage of {100 * levels[0]:g} % limits")
    panel.lower.set_ylabel(f"{100 * levels[1]:.3g} % intervals", loc="center", fontsize=_FONT)
    _injected(panel, limits)


def _injected(panel: Panel, series: Sequence[Points]) -> None:
    x = np.concatenate([points.x for points in series])
    margin = 0.08 * max(float(x.max() - x.min()), 1.0)
    panel.main.set_xlim(x.min() - margin, x.max() + margin)
    panel.bottom.set_xlabel(r"Injected signal [$\sigma$]")


def _limits(axes: Axes, series: Sequence[Points], middle: float, least: float) -> None:
    """A range that holds every bar and at least `least` on both sides of `middle`."""
    ends = np.concatenate([[middle - least, middle + least], *([p.low, p.high] for p in series)], axis=None)
    low, high = np.nanmin(ends), np.nanmax(ends)
    margin = 0.08 * (high - low)
    axes.set_ylim(low - margin, high + margin)


def draw_pull_histogram(axes: Axes, edges: np.ndarray, counts: np.ndarray, mean: float, width: float) -> None:
    """All pulls, with the normal distribution that they should follow.

    Args:
        edges: (n + 1,); counts: (n,), with what lies outside in the end bins.
        mean, width: of the pulls, for the legend.
    """
    from scipy.special import ndtr

    total = counts.sum()
    axes.stairs(counts, edges, color="0.75", fill=True, label=f"Pulls: mean {mean:.3f}, width {width:.3f}")
    axes.stairs(total * np.diff(ndtr(edges)), edges, color="black", lw=1.6, label="Normal distribution")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(r"(Fitted $-$ injected) / error")
    axes.set_ylabel(f"Toys / {edges[1] - edges[0]:g}")
    axes.set_ylim(0, 1.05 * max(counts.max(), 0.1 * total))
    add_legend(axes)


@dataclass(frozen=True)
class Probabilities:
    """p-values of the same test of every window, at the same masses as others.

    Attributes:
        label: in the legend.
        values, errors: (n,); errors are None where none are known.
    """

    label: str
    values: np.ndarray
    errors: np.ndarray | None = None


def draw_goodness(axes: Axes, mass: np.ndarray, series: Sequence[Probabilities]) -> None:
    """p-values of the fits of windows on a logarithmic scale; those without errors have open markers.

    Args:
        mass: (n,) centres of the windows, GeV.
        series: side by side at each window.
    """
    places = np.unique(mass)
    step = 0.12 * (float(np.diff(places).min()) if len(places) > 1 else 1.0)
    for number, (found, marker) in enumerate(zip(series, cycle("osD"))):
        colour = series_colour(number)
        axes.errorbar(
            mass + step * (number - (len(series) - 1) / 2),
            found.values,
            found.errors,
            fmt=marker,
            ms=6,
            mfc="white" if found.errors is None else colour,
            color=colour,
            elinewidth=1.3,
            label=found.label,
        )
    axes.set_yscale("log")
    axes.set_ylim(min(0.5 * min(float(found.values.min()) for found in series), 1e-2), 1.5)
    axes.set_xlim(places[0] - 8 * step, places[-1] + 8 * step)
    axes.set_xlabel("Middle of the window [GeV]")
    axes.set_ylabel("p-value of the fit to the side bands")
    add_legend(axes, below=True)
