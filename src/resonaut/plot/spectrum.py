"""A spectrum with a smooth fit, the signal region shaded, and residuals under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.intervals import garwood, poisson_residuals
from resonaut.plot.style import PALETTE_6, Panel, add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DATA, FIT, REGION = "black", PALETTE_6[2], PALETTE_6[1]


@dataclass(frozen=True)
class Spectrum:
    """A spectrum of the resonant mass and its background fit.

    Attributes:
        edges: (n_bins + 1,) GeV.
        counts: (n_bins,) events; NaN in bins that are not looked at, where nothing is drawn.
        expected: (n_bins,) of the fit; NaN in bins that are neither fitted nor in the signal region, and
            everywhere if there is no fit.
        low, high: the signal region, GeV; masked in the fit.
    """

    edges: np.ndarray
    counts: np.ndarray
    expected: np.ndarray
    low: float
    high: float


def smooth_curve(
    edges: np.ndarray, expected: np.ndarray, n_points: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    """A curve through the fit's bin contents: monotone cubic (PCHIP) of their logarithm at the bin centres.

    Args:
        edges: (n_bins + 1,).
        expected: (n_bins,) positive; NaN before the first and after the last bin of the fit.

    Returns:
        x and y, (n_points,) each, from the first to the last bin centre of the fit.
    """
    from scipy.interpolate import PchipInterpolator

    known = np.isfinite(expected)
    centres = ((edges[1:] + edges[:-1]) / 2)[known]
    x = np.linspace(centres[0], centres[-1], n_points)
    return x, np.exp(PchipInterpolator(centres, np.log(np.maximum(expected[known], 1e-12)))(x))


def draw_spectrum(
    panel: Panel,
    spectrum: Spectrum,
    x_label: str = "Resonant mass [GeV]",
    data_label: str = "Selected events",
    notes: str | None = None,
    compact: bool = False,
) -> None:
    """Draw points with Garwood errors, the fit, the shaded signal region and residuals.

    Residuals are signed square roots of the Poisson deviance (see `intervals.poisson_residuals`).

    Args:
        panel: main axes and, if there, axes for the residuals.
        notes: title of the legend.
        compact: a small panel: no legend, smaller points.
    """
    from matplotlib.ticker import MaxNLocator

    axes = panel.main
    edges, seen = spectrum.edges, np.isfinite(spectrum.counts)
    counts = np.where(seen, spectrum.counts, 0)
    centres = (edges[1:] + edges[:-1]) / 2
    # Where neither events nor any worth expecting are, upper ends of empty bins would only fill the panel.
    shown = seen & ((counts > 0) | (np.nan_to_num(spectrum.expected) > 0.3))
    fitted = np.isfinite(spectrum.expected).any()
    lower, upper = garwood(counts)
    errors = np.array([counts - lower, upper - counts])[:, shown]
    axes.axvspan(spectrum.low, spectrum.high, color=REGION, alpha=0.25, lw=0, label="Signal region")
    axes.errorbar(
        centres[shown],
        counts[shown],
        errors,
        fmt="o",
        ms=3 if compact else 4.5,
        color=DATA,
        elinewidth=1 if compact else 1.4,
        label=data_label,
    )
    if fitted:
        curve = smooth_curve(edges, spectrum.expected)
        axes.plot(*curve, color=FIT, lw=1.5 if compact else 2, label="Background fit", zorder=3)
    else:
        axes.text(0.97, 0.92 if compact else 0.6, "No fit", ha="right", va="top", transform=axes.transAxes)
    axes.set_yscale("log", nonpositive="clip")
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MaxNLocator(4 if compact else 8, steps=[1, 2, 5, 10]))
    floor = max(0.05, 0.5 * float(np.nanmin(spectrum.expected))) if fitted else 0.5
    largest = max(float(upper.max()), float(np.nanmax(spectrum.expected)) if fitted else 0.0)
    axes.set_ylim(min(floor, 0.5), 1.6 * largest)
    panel.bottom.set_xlabel(x_label)
    axes.set_ylabel(f"Events / {edges[1] - edges[0]:g} GeV")
    if not compact:
        add_legend(axes, title=notes, title_fontsize="x-small", alignment="left")
    if panel.lower is not None:
        _draw_residuals(panel.lower, spectrum, centres, compact)


def _draw_residuals(axes: Axes, spectrum: Spectrum, centres: np.ndarray, compact: bool) -> None:
    seen = np.isfinite(spectrum.counts)
    residuals = poisson_residuals(
        np.where(seen, spectrum.counts, 0), np.maximum(np.nan_to_num(spectrum.expected, nan=1.0), 1e-12)
    )
    residuals = np.where(np.isfinite(spectrum.expected) & seen, residuals, 0.0)
    axes.axvspan(spectrum.low, spectrum.high, color=REGION, alpha=0.25, lw=0)
    axes.stairs(residuals, spectrum.edges, fill=True, color=PALETTE_6[0])
    axes.axhline(0, color="black", lw=1)
    reach = max(3.5, 1.15 * float(np.abs(residuals).max()))
    axes.set_ylim(-reach, reach)
    axes.set_ylabel(r"Residual [$\sigma$]", loc="center", fontsize=11 if compact else 13)
