"""Efficiencies of cuts against a variable: signal above, background below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.style import PALETTE_6, Panel, add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Fractions = Mapping[str, Sequence[Any]]
"""total, efficiency, lower, upper: (n_bins,) each, the last three None in empty bins."""
MIN_TOTAL = 10
"""Bins of fewer jets are not drawn."""


def draw_binned(
    axes: Axes, edges: Sequence[float], values: Fractions, names: tuple[str, str, str], **options: Any
) -> None:
    """Points at the middles of bins, with the bins and the errors as bars; bins without a value are left out.

    Args:
        edges: (n_bins + 1,).
        values: columns (n_bins,), of which `names` are the value and the ends of its bar.
        options: of `matplotlib.axes.Axes.errorbar`.
    """
    borders = np.array(edges, float)
    y, lower, upper = (np.array(values[name], float) for name in names)
    known = np.isfinite(y)
    centres, half = (borders[1:] + borders[:-1]) / 2, np.diff(borders) / 2
    bars = np.array([y - lower, upper - y])[:, known]
    style = {"marker": "o", "ls": "none", "ms": 5, "elinewidth": 1.4, **options}
    axes.errorbar(centres[known], y[known], bars, half[known], **style)


def enough(values: Fractions) -> dict[str, list[float | None]]:
    """The same, without the bins that hold too few."""
    few = [total < MIN_TOTAL for total in values["total"]]
    return {
        name: [None if absent else value for absent, value in zip(few, values[name], strict=True)]
        for name in ("efficiency", "lower", "upper")
    }


def _decades(kind: Mapping[str, Fractions]) -> tuple[float, float]:
    """Powers of ten that hold all values; points at zero show the upper ends of their bars only."""
    shown = [enough(values) for values in kind.values()]
    above = [value for values in shown for value in values["efficiency"] if value]
    ends = [value for values in shown for value in values["upper"] if value]
    low, high = min(above, default=1e-3), max(ends, default=1.0)
    return 10.0 ** np.floor(np.log10(0.9 * low)), 10.0 ** np.ceil(np.log10(high))


def draw_efficiencies(
    panel: Panel,
    edges: Sequence[float],
    signal: Mapping[str, Fractions],
    background: Mapping[str, Fractions],
    x_label: str,
) -> None:
    """Draw the efficiencies of several cuts.

    Args:
        panel: the signal in the main axes, the background in the lower ones, on a logarithmic scale.
        edges: (n_bins + 1,).
        signal, background: by the name of the cut, the same in both.
    """
    from matplotlib.ticker import MaxNLocator

    columns = ("efficiency", "lower", "upper")
    for axes, kind in ((panel.main, signal), (panel.lower, background)):
        for number, (label, values) in enumerate(kind.items()):
            options = {"color": PALETTE_6[2 * number % 6], "marker": "os^D"[number % 4], "label": label}
            draw_binned(axes, edges, enough(values), columns, **options)
    panel.main.set_xlim(edges[0], edges[-1])
    panel.main.set_ylim(0, 1)
    panel.main.set_ylabel(r"Signal efficiency $\epsilon_S$")
    add_legend(panel.main)
    panel.main.yaxis.set_major_locator(MaxNLocator(5, prune="lower"))
    panel.lower.set_yscale("log", nonpositive="clip")
    panel.lower.set_ylim(*_decades(background))
    panel.lower.set_ylabel(r"Background $\epsilon_B$")
    panel.bottom.set_xlabel(x_label)
