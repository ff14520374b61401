"""Events left after each cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_cut_flow(
    axes: Axes, flows: Mapping[str, Mapping[str, int]], colours: Mapping[str, str], names: Mapping[str, str]
) -> None:
    """Draw one step line per dataset; the legend gives the share that is left at the end.

    Args:
        flows: for each dataset the events left after each cut, in order.
        colours: of each dataset.
        names: words for the cuts on the axis; a cut without words is written as it is.
    """
    cuts = list(dict.fromkeys(cut for flow in flows.values() for cut in flow))
    smallest = np.inf
    for dataset, flow in flows.items():
        positions = np.array([cuts.index(cut) for cut in flow])
        counts = np.array(list(flow.values()), float)
        share = counts[-1] / counts[0] if counts[0] else 0.0
        label = f"{dataset}: {int(counts[-1]):,} of {int(counts[0]):,} ({share:.1%})".replace(",", " ")
        axes.errorbar(
            positions, counts, xerr=0.5, fmt="o", ms=6, color=colours[dataset], elinewidth=2.4, label=label
        )
        smallest = min(smallest, *counts[counts > 0], np.inf)
    largest = max(max(flow.values()) for flow in flows.values())
    axes.set_yscale("log")
    axes.set_ylim(0.5 * (smallest if np.isfinite(smallest) else 1.0), 1.5 * max(largest, 1))
    axes.set_xlim(-0.5, len(cuts) - 0.5)
    axes.set_xticks(range(len(cuts)), [names.get(cut, cut) for cut in cuts], fontsize=13)
    axes.set_xticks([], minor=True)
    axes.set_ylabel("Events left")
    add_legend(axes)
