"""Sculpting: the mass spectrum of background before and after selections, and p-values of tests of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.histograms import Histogram, Series, draw_histograms
from resonaut.plot.improvement import name_rows
from resonaut.plot.intervals import garwood
from resonaut.plot.style import PALETTE_6, Panel, add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALL = "#9c9ca1"
_LEVEL = 0.05


def shape(edges: np.ndarray, counts: np.ndarray) -> Histogram:
    """A histogram of counts scaled to unit sum, with the Garwood errors of the counts.

    Args:
        edges: (n_bins + 1,).
        counts: (n_bins,).
    """
    counts = np.asarray(counts, float)
    scale = 1 / max(counts.sum(), 1.0)
    lower, upper = garwood(counts)
    return Histogram(np.asarray(edges, float), counts * scale, lower * scale, upper * scale)


@dataclass(frozen=True)
class Selected:
    """Background that passes a selection.

    Attributes:
        label: the selection and the p-values of its tests.
        counts: (n_bins,) events.
    """

    label: str
    counts: np.ndarray


def draw_sculpting(
    panel: Panel,
    edges: np.ndarray,
    before: np.ndarray,
    selected: Sequence[Selected],
    region: tuple[float, float],
    note: str = "",
) -> None:
    """Shapes before (filled) and after selections (points), their ratio, and the signal region shaded.

    Args:
        panel: with lower axes.
        edges: (n_bins + 1,) GeV.
        before: (n_bins,) background events.
        region: ends of the signal region, GeV.
        note: title of the legend.
    """
    colours = (PALETTE_6[2], PALETTE_6[0], *PALETTE_6[3:])
    reference = shape(edges, before)
    series = [Series(reference, "Before", _ALL, "fill")]
    for number, entry in enumerate(selected):
        series.append(
            Series(shape(edges, entry.counts), entry.label, colours[number % len(colours)], "points")
        )
    for axes, label in ((panel.main, "Signal region"), (panel.lower, "_")):
        axes.axvspan(*region, color=PALETTE_6[1], alpha=0.18, lw=0, zorder=0, label=label)
    width = edges[1] - edges[0]
    draw_histograms(
        panel, series, "Resonant mass [GeV]", f"Share of background / {width:g} GeV", log=True,
        reference=reference, ratio_label="After / before", ratio_range=_reach(series[1:], reference),
        legend_title=note or None,
    )  # fmt: skip


def _reach(points: Sequence[Series], reference: Histogram) -> tuple[float, float]:
    """A range around 1 that holds the ratios of bins whose errors are not larger than they are."""
    reach = 0.5
    for entry in points:
        shown = (reference.values > 0) & (entry.histogram.lower > 0.4 * entry.histogram.values)
        shown &= entry.histogram.values > 0
        if shown.any():
            ratio = entry.histogram.values[shown] / reference.values[shown]
            reach = max(reach, 1.15 * float(np.abs(ratio - 1).max()))
    return max(0.0, 1 - reach), 1 + min(reach, 2.0)


@dataclass(frozen=True)
class PValues:
    """p-values of one test on each of several lines.

    Attributes:
        values: (n,) NaN where there is none.
        hollow: drawn as outlines, to tell two tests of one selection.
    """

    label: str
    colour: str
    values: np.ndarray
    hollow: bool = False


def draw_tests(axes: Axes, names: Sequence[str], tests: Sequence[PValues], least: float = 0.0) -> None:
    """p-values per line, the first on top; left of 0.05 the spectrum is likely to be sculpted.

    Args:
        names: (n,) of the lines: methods or windows.
        least: smallest p-value that the toys can give, 0 where it is not known; points there are arrows.
    """
    n_tests = len(tests)
    for place, test in enumerate(tests):
        rows = np.arange(len(names)) + 0.5 * (place - (n_tests - 1) / 2) / max(n_tests, 2)
        known = np.isfinite(test.values)
        floor = known & (test.values <= 1.01 * least)
        options = {"ls": "", "color": test.colour, "mew": 1.6, "zorder": 3}
        options["mfc"] = "none" if test.hollow else test.colour
        axes.plot(test.values[known & ~floor], rows[known & ~floor], marker="o", ms=6, **options)
        axes.plot(test.values[floor], rows[floor], marker="<", ms=8, **options)
        axes.plot([], [], marker="o", ms=6, label=test.label, **options)
    values = np.concatenate([test.values for test in tests])
    start = 0.5 * min(0.02, float(np.min(values[values > 0], initial=1.0)))
    axes.set_xscale("log")
    axes.set_xlim(start, 1.3)
    axes.axvspan(start, _LEVEL, color="0.93", lw=0, zorder=0)
    axes.axvline(_LEVEL, color="0.5", ls="--", lw=1, zorder=1)
    name_rows(axes, names)
    axes.set_xlabel("p-value of no sculpting")
    add_legend(axes, loc="lower left", below=True, ncols=4, columnspacing=0.8, handletextpad=0.1)
