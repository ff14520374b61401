"""A spectrum in bins of any widths with its fit, the most significant window, and significances per bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.intervals import garwood, poisson_residuals
from resonaut.plot.spectrum import DATA, FIT, REGION, smooth_curve
from resonaut.plot.style import PALETTE_6, Panel, add_legend

if TYPE_CHECKING:
    from collections.abc import Sequence


def draw_binned_spectrum(
    panel: Panel,
    edges: np.ndarray,
    counts: np.ndarray,
    expected: np.ndarray,
    fit_label: str,
    window: tuple[float, float] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Draw events per GeV with Garwood errors, the fit, and signed significances per bin.

    Args:
        panel: main axes and axes below.
        edges: (n_bins + 1,) GeV.
        counts, expected: (n_bins,).
        fit_label: of the fit.
        window: GeV, the most significant excess; nothing is shaded without one.
        notes: lines above the legend.
    """
    axes, width = panel.main, np.diff(edges)
    centres = (edges[1:] + edges[:-1]) / 2
    lower, upper = garwood(counts)
    shown = (counts > 0) | (expected > 0.3)
    errors = np.array([counts - lower, upper - counts]) / width
    for axis in (axes, panel.lower):
        if window is not None and axis is not None:
            label = f"Largest excess, {window[0]:.0f}-{window[1]:.0f} GeV" if axis is axes else None
            axis.axvspan(*window, color=REGION, alpha=0.25, lw=0, label=label)
    axes.errorbar(
        centres[shown],
        (counts / width)[shown],
        errors[:, shown],
        fmt="o",
        ms=4,
        elinewidth=1.2,
        color=DATA,
        label="Data",
    )
    axes.plot(*smooth_curve(edges, expected / width), color=FIT, lw=2, label=fit_label, zorder=3)
    axes.set_yscale("log", nonpositive="clip")
    axes.set_xlim(edges[0], edges[-1])
    density = expected / width
    axes.set_ylim(0.3 * min(density.min(), (0.3 / width)[shown].min()), 2 * (upper / width).max())
    axes.set_ylabel("Events / GeV")
    panel.bottom.set_xlabel("Resonant mass [GeV]")
    add_legend(axes, title="\n".join(notes), title_fontsize="x-small", alignment="left")
    if panel.lower is not None:
        residuals = poisson_residuals(counts, np.maximum(expected, 1e-12))
        panel.lower.stairs(residuals, edges, fill=True, color=PALETTE_6[0])
        panel.lower.axhline(0, color="black", lw=1)
        reach = max(3.5, 1.15 * float(np.abs(residuals).max()))
        panel.lower.set_ylim(-reach, reach)
        panel.lower.set_ylabel(r"Significance [$\sigma$]", loc="center", fontsize=13)
