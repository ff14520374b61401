"""How often what was predicted with a probability happened, against that probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from resonaut.plot.style import Panel, add_legend


def draw_reliability(
    panel: Panel, bins: Mapping[str, Sequence[float]], label: str, colour: str, x_label: str, y_label: str
) -> None:
    """Points with the error of their bins, the diagonal of a perfect calibration, and the distance to it.

    Args:
        panel: with lower axes, for the distance.
        bins: probability, fraction, lower, upper: (n_bins,) each.
    """
    from matplotlib.ticker import MaxNLocator

    axes = panel.main
    x, y, lower, upper = (
        np.array(bins[name], float) for name in ("probability", "fraction", "lower", "upper")
    )
    start = min(0.0, float(x.min())) if x.min() < 0.4 else 0.9 * float(x.min())
    axes.plot([start, 1], [start, 1], color="0.5", ls="--", lw=1.2, label="Perfect calibration")
    axes.errorbar(x, y, [y - lower, upper - y], fmt="o", ms=5, color=colour, label=label)
    axes.set_xlim(start, 1)
    axes.set_ylim(start, 1)
    panel.bottom.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    add_legend(axes, loc="upper left")
    panel.lower.axhline(0, color="0.5", ls="--", lw=1.2)
    panel.lower.errorbar(x, y - x, [y - lower, upper - y], fmt="o", ms=5, color=colour)
    reach = 1.15 * float(np.abs(np.concatenate([lower - x, upper - x])).max())
    panel.lower.set_ylim(-reach, reach)
    panel.lower.yaxis.set_major_locator(MaxNLocator(5, prune="upper"))
    panel.lower.set_ylabel("Distance", loc="center")
