"""A change of jets against the number of interactions, one curve for each way to deal with pile-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Offset:
    """One curve.

    Attributes:
        n_pu: (n,) mean number of interactions of each bin.
        value, error: (n,) in each bin.
    """

    label: str
    colour: str
    marker: str
    n_pu: np.ndarray
    value: np.ndarray
    error: np.ndarray


def draw_offsets(axes: Axes, curves: Sequence[Offset], y_label: str, legend: str = "") -> None:
    """Points with errors and lines between them.

    Args:
        legend: words above the names of the curves, which are changes then: a line stands at 0.
    """
    if legend:
        axes.axhline(0.0, color="black", lw=1.0, zorder=0)
    for curve in curves:
        axes.errorbar(
            *(curve.n_pu, curve.value, curve.error),
            fmt=curve.marker,
            ls="-",
            lw=1.0,
            ms=6,
            color=curve.colour,
            label=curve.label,
        )
    axes.set_xlabel("Number of pile-up interactions")
    axes.set_ylabel(y_label)
    axes.margins(0.03, 0.05)
    axes.autoscale_view()
    add_legend(axes, title=legend or None, title_fontsize="x-small")
