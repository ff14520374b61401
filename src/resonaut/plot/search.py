"""A search for parameters: its trials in order, and against each parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COMPLETED, _PRUNED, _BEST = "#5790fc", "#9c9ca1", "#e42536"
LOG_SPREAD = 20
"""Values that spread by more than this factor are drawn on a logarithmic axis."""
N_LABELS_MAX = 6
"""Choices at most whose names are written; beyond, their numbers."""


@dataclass(frozen=True)
class Trials:
    """Trials of a search.

    Attributes:
        number: (n,) from 1.
        value: (n,) NaN where there is none.
        completed: (n,) bool: not pruned and not failed.
        small_is_good: whether the least value is the best.
    """

    number: np.ndarray
    value: np.ndarray
    completed: np.ndarray
    small_is_good: bool = True

    @property
    def running_best(self) -> np.ndarray:
        """(n,) best value of the completed trials so far; NaN before the first."""
        best = np.fmin if self.small_is_good else np.fmax
        return best.accumulate(np.where(self.completed, self.value, np.nan))

    @property
    def best(self) -> int:
        """Place of the best completed trial."""
        values = np.where(self.completed, self.value, np.nan)
        return int(np.nanargmin(values) if self.small_is_good else np.nanargmax(values))

    @property
    def pruned(self) -> np.ndarray:
        """(n,) bool: pruned trials that had a value."""
        return ~self.completed & np.isfinite(self.value)


def _points(axes: Axes, trials: Trials, x: np.ndarray) -> None:
    done, pruned, best = trials.completed, trials.pruned, trials.best
    axes.plot(x[done], trials.value[done], "o", ms=6, color=_COMPLETED, label="Completed", alpha=0.8)
    if pruned.any():
        axes.plot(x[pruned], trials.value[pruned], "x", ms=7, color=_PRUNED, label="Pruned")
    axes.plot(
        x[best : best + 1], trials.value[best : best + 1], "*", ms=17, color=_BEST, label="Best", zorder=5
    )


def _value_axis(axes: Axes, trials: Trials, label: str) -> None:
    values = trials.value[np.isfinite(trials.value)]
    low, high = float(values.min()), float(values.max())
    axes.set_ylabel(label)
    if low > 0 and high > LOG_SPREAD * low:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.25, high * 1.25)
    else:
        margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
        axes.set_ylim(low - margin, high + margin)


def draw_trials(axes: Axes, trials: Trials, y_label: str) -> None:
    """Value of each trial in order, with the best so far; triangles are trials without a value."""
    _value_axis(axes, trials, y_label)
    _points(axes, trials, trials.number)
    axes.step(trials.number, trials.running_best, where="post", color=_BEST, label="Best so far")
    without = trials.number[~np.isfinite(trials.value)]
    if len(without):
        axes.plot(
            *(without, np.full(len(without), 0.04)),
            marker="v",
            ms=8,
            ls="",
            color="black",
            label="Without a value",
            transform=axes.get_xaxis_transform(),
        )
    axes.set_xlim(trials.number[0] - 0.7, trials.number[-1] + 0.7)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(trials.number) < 12:
        axes.xaxis.set_minor_locator(_no_ticks())
    axes.set_xlabel("Trial")
    add_legend(axes, ncols=2, below=not trials.small_is_good)


def draw_slice(
    axes: Axes,
    trials: Trials,
    values: np.ndarray,
    x_label: str,
    y_label: str,
    *,
    log: bool = False,
    choices: Sequence[str] = (),
) -> None:
    """Value of each trial against one parameter.

    Args:
        values: (n,) of the parameter; where there are choices, their numbers from 0.
        log: the parameter's axis is logarithmic.
        choices: names of the choices.
    """
    _value_axis(axes, trials, y_label)
    _points(axes, trials, values)
    axes.set_xlabel(x_label)
    if choices:
        names = choices if len(choices) <= N_LABELS_MAX else [str(number) for number in range(len(choices))]
        axes.set_xticks(range(len(names)), names, rotation=0, fontsize=_font_size(names))
        axes.xaxis.set_minor_locator(_no_ticks())
        axes.set_xlim(-0.5, len(names) - 0.5)
    elif log:
        axes.set_xscale("log")
        axes.set_xlim(values.min() / 1.2, values.max() * 1.2)
    else:
        margin = 0.05 * (values.max() - values.min()) or 0.5
        axes.set_xlim(values.min() - margin, values.max() + margin)
        if np.array_equal(values, np.round(values)):
            axes.xaxis.get_major_locator().set_params(integer=True)


def _font_size(names: Sequence[str]) -> float:
    """Points at which the names stand beside each other under a panel of about 5 inches."""
    return min(14.0, 580.0 / max(1, len(names) * max(len(name) for name in names)))


def _no_ticks() -> object:
    from matplotlib.ticker import NullLocator

    return NullLocator()
