"""Importance of features: bars, the most important on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.improvement import name_rows
from resonaut.plot.style import PALETTE_6

if TYPE_CHECKING:
    from matplotlib.axes import Axes

N_BARS_MAX = 20


def ordered(importance: Mapping[str, np.ndarray]) -> list[str]:
    """Features by their mean over windows, the largest first; equal ones by name.

    Args:
        importance: (n_windows,) of each feature; NaN where a window has none.
    """
    return sorted(importance, key=lambda name: (-float(np.nanmean(importance[name])), name))


def draw_importance(axes: Axes, importance: Mapping[str, np.ndarray], label: str) -> None:
    """Bars of the mean over windows; where there are several windows, a dot for each.

    Args:
        importance: (n_windows,) of each feature; NaN where a window has none.
        label: of the x axis: what importance means here.
    """
    names = ordered(importance)
    shown = names[:N_BARS_MAX]
    for number, name in enumerate(shown):
        values = importance[name][np.isfinite(importance[name])]
        axes.barh(number, values.mean(), height=0.62, color=PALETTE_6[0], alpha=0.75, zorder=2)
        if len(values) > 1:
            axes.plot(values, np.full(len(values), number), "o", ms=4, color="black", alpha=0.7, zorder=3)
    everything = np.concatenate([importance[name] for name in shown])
    low, high = min(0.0, float(np.nanmin(everything))), max(0.0, float(np.nanmax(everything)))
    margin = 0.06 * (high - low) or 0.05
    axes.set_xlim(low - margin * (low < 0), high + margin)
    axes.axvline(0, color="black", lw=1, zorder=4)
    name_rows(axes, shown)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel(label)
    if len(names) > len(shown):
        axes.text(
            *(0.98, 0.02, f"{len(names) - len(shown)} more features"),
            transform=axes.transAxes,
            ha="right",
            fontsize=12,
        )
