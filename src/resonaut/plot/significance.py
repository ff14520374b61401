"""The axis of significances beside one of p-values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def significance_axis(axes: Axes, lines: np.ndarray) -> None:
    """Label significances on the right of logarithmic p-values.

    Args:
        axes: with its final range of p-values.
        lines: standard deviations to label.
    """
    from scipy.stats import norm

    right = axes.twinx()
    right.set_yscale("log")
    right.set_ylim(axes.get_ylim())
    axes.tick_params(axis="y", which="both", right=False)
    right.set_yticks(norm.sf(lines), [f"{sigma}$\\sigma$" for sigma in lines])
    right.set_yticks([], minor=True)
    right.tick_params(axis="y", which="both", left=False, direction="in")
    right.set_ylabel("Local significance", loc="top")
