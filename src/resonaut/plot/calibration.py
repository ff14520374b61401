"""p-values against what they claim: how often a test of pseudo-experiments has one at or below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.intervals import clopper_pearson
from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEVEL = 0.9545
"""Coverage of the band."""
_N_POINTS = 200


@dataclass(frozen=True)
class PValues:
    """p-values of one method.

    Attributes:
        label, colour: of the curve.
        values: (n,) p-values.
        dashes: of the line.
    """

    label: str
    colour: str
    values: np.ndarray
    dashes: str = "-"


@dataclass(frozen=True)
class Observed:
    """The smallest local p-value of data and the global one, with its interval."""

    local: float
    value: float
    low: float
    high: float


def cumulative(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorted values (n,) and the fraction of them at or below each."""
    ordered = np.sort(values[np.isfinite(values)])
    return ordered, np.arange(1, len(ordered) + 1) / len(ordered)


def draw_uniformity(axes: Axes, curves: Sequence[PValues], n_experiments: int, x_label: str) -> None:
    """Fraction of tests at or below each p-value, both logarithmic, and the diagonal of uniform ones.

    The band is what one test per pseudo-experiment would fluctuate by.

    Args:
        n_experiments: number of pseudo-experiments.
        x_label: of the axis.
    """
    lowest = _frame(axes, curves, n_experiments)
    grid = np.geomspace(lowest, 1, _N_POINTS)
    lower, upper = clopper_pearson(np.round(grid * n_experiments), n_experiments, _LEVEL)
    axes.fill_between(grid, np.maximum(lower, lowest), upper, color="0.85", lw=0, label="95 % band")
    axes.plot([lowest, 1], [lowest, 1], color="0.4", ls="--", lw=1.2, label="Uniform")
    _draw_curves(axes, curves)
    axes.set_xlabel(x_label)
    axes.set_ylabel("Fraction of tests at or below")
    add_legend(axes, loc="upper left")


def draw_global(
    axes: Axes,
    curves: Sequence[PValues],
    observed: Sequence[Observed | None],
    n_experiments: int,
    n_tests: int,
    y_label: str,
) -> None:
    """How often the smallest of many local p-values is at or below x: the global p-value of x.

    Args:
        curves: smallest local p-values of pseudo-experiments.
        observed: of data, one per curve; None where there is none.
        n_experiments: number of pseudo-experiments.
        n_tests: of the first curve; what as many independent tests would give is drawn.
        y_label: of the axis.
    """
    lowest = _frame(axes, curves, n_experiments)
    seen = [entry.local for entry in observed if entry is not None]
    left = min([lowest / n_tests, *(0.5 * value for value in seen)])
    grid = np.geomspace(left, 1, _N_POINTS)
    label = f"{n_tests} independent tests"
    axes.plot(
        grid, -np.expm1(n_tests * np.log1p(-np.minimum(grid, 1 - 1e-12))), "--", color="0.4", label=label
    )
    _draw_curves(axes, curves)
    for curve, entry in zip(curves, observed, strict=True):
        if entry is not None:
            error = [[max(entry.value - entry.low, 0)], [max(entry.high - entry.value, 0)]]
            axes.errorbar(
                [entry.local], [entry.value], error, fmt="o", ms=7, color=curve.colour, mec="white", zorder=4
            )
    axes.set_xlim(left, 1)
    axes.set_xlabel("Smallest local p-value")
    axes.set_ylabel(y_label)
    title = {"title": "Points: data", "title_fontsize": "x-small", "alignment": "left"} if seen else {}
    add_legend(axes, loc="upper left", **title)


def _frame(axes: Axes, curves: Sequence[PValues], n_experiments: int) -> float:
    lowest = 0.5 / max(n_experiments, 10)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(lowest, 1)
    axes.set_ylim(lowest, 1.6)
    return lowest


def _draw_curves(axes: Axes, curves: Sequence[PValues]) -> None:
    for curve in curves:
        values, fraction = cumulative(curve.values)
        if len(values):
            axes.step(
                np.append(np.maximum(values, 1e-300), 1.0),
                np.append(fraction, 1.0),
                where="post",
                color=curve.colour,
                ls=curve.dashes,
                label=curve.label,
                zorder=3,
            )
