"""What is learnt from mixed samples against the difference of their fractions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.learning_curve import Points
from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABEL = "Difference of the signal fractions"
_SHIFT = 0.006


def draw_aucs(axes: Axes, entries: Sequence[Points], band: tuple[float, float]) -> None:
    """AUC with labelled test rows; points of one difference stand side by side.

    Args:
        entries: by method.
        band: mean and statistical error of the test rows, which all methods share.
    """
    mean, standard = band
    axes.axhspan(mean - standard, mean + standard, color="0.9", lw=0, label="Test rows, statistical error")
    for number, entry in enumerate(entries):
        shift = _SHIFT * (number - (len(entries) - 1) / 2)
        axes.errorbar(
            *(entry.x + shift, entry.value, entry.standard),
            fmt=f"{entry.marker}-",
            ms=7,
            lw=1.2,
            color=entry.colour,
            label=entry.label,
        )
    axes.set_xlim(left=0)
    axes.set_xlabel(_LABEL)
    axes.set_ylabel("AUC, signal from background")
    axes.margins(y=0.08)
    axes.autoscale_view(scalex=False)
    add_legend(axes, below=True)


def draw_mixed(axes: Axes, entries: Sequence[Points], pure: float) -> None:
    """AUC between the samples, and what it must be for the AUC of pure classes.

    Args:
        pure: AUC between the classes of the first method, whose line is drawn.
    """
    x = np.linspace(0, 1, 100)
    axes.plot(x, 0.5 + x * (pure - 0.5), color="0.25", ls="--", lw=1.4)
    axes.lines[-1].set_label(r"$1/2 + (f_1 - f_2)\,(\mathrm{AUC} - 1/2)$, labels")
    for number, entry in enumerate(entries):
        shift = _SHIFT * (number - (len(entries) - 1) / 2)
        axes.errorbar(
            *(entry.x + shift, entry.value, entry.standard),
            fmt=entry.marker,
            ms=7,
            color=entry.colour,
            label=entry.label,
        )
    axes.set_xlim(0, 1)
    axes.set_xlabel(_LABEL)
    axes.set_ylabel("AUC, sample from sample")
    axes.margins(y=0.08)
    axes.autoscale_view(scalex=False)
    add_legend(axes, loc="upper left")
