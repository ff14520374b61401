"""The information plane: what layers know of the input and of the label, from epoch to epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROOM = 1.08
CEILING = {"color": "0.35", "ls": "--", "lw": 1.3}


@dataclass(frozen=True)
class Path:
    """A layer while it learns.

    Attributes:
        label: in the legend.
        colour: of the line.
        x, y: (n_epochs,) bits, from before the training to its end.
        low, high: (n_epochs,) bounds of x, where it has any.
    """

    label: str
    colour: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def draw_plane(axes: Axes, paths: Sequence[Path], ceiling: float, label_entropy: float) -> None:
    """Lines from an open circle (before the training) to a full one (after it).

    Args:
        ceiling: bits that no estimate can exceed, a line.
        label_entropy: bits of the label, a line.
    """
    for path in paths:
        axes.plot(path.x, path.y, color=path.colour, lw=1.4, marker=".", ms=4, label=path.label)
        axes.plot(path.x[:1], path.y[:1], "o", ms=9, mfc="white", mec=path.colour, mew=1.6, zorder=4)
        if path.low is not None and path.high is not None:
            ends = [[path.x[-1] - path.low[-1]], [path.high[-1] - path.x[-1]]]
            axes.errorbar(path.x[-1:], path.y[-1:], xerr=ends, color=path.colour, fmt="none", zorder=4)
        axes.plot(path.x[-1:], path.y[-1:], "o", ms=9, color=path.colour, zorder=5)
    axes.axvline(ceiling, **CEILING)
    axes.axhline(label_entropy, **CEILING)
    axes.set_xlim(0, _ROOM * ceiling)
    axes.set_ylim(0, _ROOM * label_entropy)
    axes.annotate(
        r"$\log_2 n$", (ceiling, 0.55), (-4, 0), xycoords=("data", "axes fraction"),
        textcoords="offset points", ha="right", va="center", rotation=90, fontsize=13, color="0.3",
    )  # fmt: skip
    axes.annotate(
        "H(Y)", (0.02, label_entropy), (0, -4), xycoords=("axes fraction", "data"),
        textcoords="offset points", va="top", fontsize=13, color="0.3",
    )  # fmt: skip
    # What a layer knows of the label it knows of the input: below the right end there is nothing.
    axes.legend(loc="lower right", bbox_to_anchor=(1 / _ROOM - 0.01, 0.0))
