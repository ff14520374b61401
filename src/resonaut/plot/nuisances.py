"""Nuisance parameters of a fit: their pulls, and how far each moves the fitted signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.improvement import name_rows
from resonaut.plot.style import PALETTE_6

if TYPE_CHECKING:
    from matplotlib.axes import Axes

N_SHOWN = 12
"""Parameters of the largest impacts that are shown."""


@dataclass(frozen=True)
class Ranked:
    """Nuisance parameters by the size of their impact, the largest first.

    Attributes:
        names: (n).
        pulls, errors: (n,) fitted values and their errors, standard deviations of the auxiliary measurements.
        up, down: (n,) shift of the signal, events, at one standard deviation after the fit.
        n_more: parameters that are not shown.
    """

    names: tuple[str, ...]
    pulls: np.ndarray
    errors: np.ndarray
    up: np.ndarray
    down: np.ndarray
    n_more: int = 0

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        pulls: np.ndarray,
        errors: np.ndarray,
        up: np.ndarray,
        down: np.ndarray,
    ) -> Ranked:
        """Those of the largest impacts."""
        size = np.nan_to_num(np.maximum(np.abs(up), np.abs(down)))
        order = np.argsort(-size, kind="stable")[:N_SHOWN]
        shown = tuple(names[number].replace("_", " ") for number in order)
        return cls(shown, pulls[order], errors[order], up[order], down[order], max(len(names) - N_SHOWN, 0))


def _rows(axes: Axes, ranked: Ranked) -> np.ndarray:
    name_rows(axes, ranked.names)
    axes.set_ylim(len(ranked.names) - 0.4, -1.1)
    if ranked.n_more:
        axes.text(
            *(0.98, 0.02, f"{ranked.n_more} smaller ones"), transform=axes.transAxes, ha="right", fontsize=12
        )
    return np.arange(len(ranked.names))


def draw_pulls(axes: Axes, ranked: Ranked) -> None:
    """Fitted values with errors, over bands of one and two standard deviations of what was known before."""
    places = _rows(axes, ranked)
    axes.axvspan(-2, 2, color="0.92", lw=0)
    axes.axvspan(-1, 1, color="0.84", lw=0)
    axes.axvline(0, color="0.5", lw=1)
    axes.errorbar(ranked.pulls, places, xerr=ranked.errors, fmt="o", ms=7, color="black")
    reach = max(2.4, 1.1 * float(np.nanmax(np.abs(ranked.pulls) + ranked.errors, initial=0.0)))
    axes.set_xlim(-reach, reach)
    axes.set_xlabel(r"Pull $(\hat{\theta} - \theta_0) / \sigma_0$")


def draw_impacts(axes: Axes, ranked: Ranked) -> None:
    """Shifts of the fitted signal, in events."""
    places = _rows(axes, ranked)
    for values, label, colour in (
        (ranked.up, r"$+1\sigma$", PALETTE_6[2]),
        (ranked.down, r"$-1\sigma$", PALETTE_6[0]),
    ):
        axes.barh(places, values, height=0.6, color=colour, alpha=0.75, label=label)
    axes.axvline(0, color="black", lw=1)
    reach = 1.15 * float(np.nanmax(np.abs([ranked.up, ranked.down]), initial=1e-9))
    axes.set_xlim(-reach, reach)
    axes.set_xlabel("Shift of the fitted signal [events]")
    axes.legend(loc="upper right", ncols=2)
