"""Local p-values and upper limits as curves over the mass of a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.limits import ONE_SIGMA_BAND, TWO_SIGMA_BAND
from resonaut.plot.significance import significance_axis
from resonaut.plot.style import PALETTE_6, Panel, add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MASS_LABEL = "Signal mass [GeV]"


def draw_local_p_values(
    axes: Axes, mass: np.ndarray, p_value: np.ndarray, by_toys: np.ndarray, title: str | None = None
) -> None:
    """Draw local p-values, those by toys as points, with lines and a right axis at whole sigmas.

    Args:
        mass: (n,) GeV, rising.
        p_value: (n,).
        by_toys: (n,) bool.
        title: of the legend.
    """
    from scipy.stats import norm

    n_sigma = max(3, int(np.ceil(norm.isf(max(float(p_value.min()), 1e-300)) + 0.3)))
    lines = np.arange(0, n_sigma + 1)
    for sigma in lines[1:]:
        axes.axhline(norm.sf(sigma), color="0.6", ls="--", lw=1)
    axes.plot(mass, p_value, color=PALETTE_6[0], marker="." if len(mass) < 3 else None, label="Observed")
    if by_toys.any():
        axes.plot(mass[by_toys], p_value[by_toys], "o", ms=4, color=PALETTE_6[2], label="By toys")
    axes.set_yscale("log")
    axes.set_ylim(norm.sf(n_sigma + 0.35), 1.5)
    axes.set_xlabel(MASS_LABEL)
    axes.set_ylabel("Local p-value")
    add_legend(axes, below=True, title=title, title_fontsize="x-small")
    significance_axis(axes, lines)


def draw_limit_curves(
    axes: Axes,
    mass: np.ndarray,
    observed: np.ndarray,
    expected: np.ndarray,
    y_label: str,
    title: str,
    published: np.ndarray | None = None,
) -> None:
    """Draw observed and expected limits with bands of one and two standard deviations.

    Args:
        mass: (n,) GeV, rising.
        observed: (n,).
        expected: (5, n) at -2, -1, 0, 1, 2 standard deviations; NaN where there is none.
        y_label: with its unit.
        title: of the legend.
        published: (n,) observed limits of others; NaN where there is none.
    """
    minus2, minus1, median, plus1, plus2 = expected
    marker = "o" if len(mass) < 30 else None
    axes.fill_between(mass, minus2, plus2, color=TWO_SIGMA_BAND, lw=0, label=r"Expected $\pm 2\sigma$")
    axes.fill_between(mass, minus1, plus1, color=ONE_SIGMA_BAND, lw=0, label=r"Expected $\pm 1\sigma$")
    axes.plot(mass, median, color="black", ls="--", lw=1.6, label="Expected")
    axes.plot(mass, observed, color="black", marker=marker, ms=4, label="Observed")
    if published is not None:
        axes.plot(mass, published, color=PALETTE_6[2], ls=":", lw=2.2, label="Published, observed")
    everything = np.concatenate([expected.ravel(), observed])
    positive = everything[np.isfinite(everything) & (everything > 0)]
    axes.set_yscale("log")
    axes.set_ylim(0.6 * float(positive.min()), 1.5 * float(positive.max()))
    axes.set_xlabel(MASS_LABEL)
    axes.set_ylabel(y_label)
    add_legend(axes, title=title, title_fontsize="x-small")


def draw_ratios(panel: Panel, mass: np.ndarray, observed: np.ndarray, expected: np.ndarray) -> None:
    """Draw our limits over published ones in the lower panel, with a band of a factor 1.5.

    Args:
        panel: with axes below.
        mass: (n,) GeV, rising.
        observed, expected: (n,) ratios; NaN where there is none.
    """
    axes = panel.bottom
    panel.main.set_xlabel("")
    axes.axhspan(1 / 1.5, 1.5, color="0.9", lw=0)
    axes.axhline(1, color="0.5", lw=1)
    axes.plot(mass, expected, color="black", ls="--", lw=1.6)
    axes.plot(mass, observed, color="black")
    axes.set_yscale("log")
    axes.set_ylim(0.3, 3.3)
    axes.set_yticks([0.5, 1, 2], ["0.5", "1", "2"])
    axes.set_yticks([], minor=True)
    axes.set_xlabel(MASS_LABEL)
    axes.set_ylabel("Ours / publ.", loc="center", fontsize=13)
