"""Local against global significance: over the mass, in replicas of the null, and one against the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GLOBAL_COLOUR = "#e42536"
CROWDED = 8
"""Standard deviations on the axis from which on lines stand too close for words."""
_OPAQUE = {"frameon": True, "facecolor": "white", "framealpha": 1, "edgecolor": "none"}


@dataclass(frozen=True)
class LocalScan:
    """Local significances of one method and selection, windows by their lower edge.

    Attributes:
        low, high: (n_windows,) GeV.
        z: (n_windows,) signed; NaN where the fit failed.
    """

    label: str
    low: np.ndarray
    high: np.ndarray
    z: np.ndarray


def draw_local(
    axes: Axes, scans: Sequence[LocalScan], levels: Mapping[int, float], title: str | None = None
) -> None:
    """Local p-values over the mass, with lines at whole local and at whole global significances.

    Where a significance is beyond 8, significances are drawn in place of p-values.

    Args:
        levels: local significance that is worth 1, 2, ... global ones; may be empty.
        title: of the legend.
    """
    from scipy.special import ndtr

    top = max(4.0, *(np.nanmax(scan.z, initial=0.0) + 0.6 for scan in scans), *levels.values())
    crowded = top >= CROWDED

    def height(z: np.ndarray | float) -> np.ndarray:
        return np.asarray(z, float) if crowded else ndtr(-np.asarray(z, float))

    for number, (sigma, level) in enumerate(levels.items()):
        names = ", ".join(map(str, levels))
        label = rf"{names}$\sigma$ global" if number == 0 else None
        axes.axhline(height(level), color=GLOBAL_COLOUR, ls="--", lw=1.4, label=label)
        if not crowded:
            axes.annotate(
                rf"{sigma}$\sigma$ global", (0.01, height(level)), xycoords=("axes fraction", "data"),
                color=GLOBAL_COLOUR, fontsize=12, va="bottom",
            )  # fmt: skip
    for number, scan in enumerate(scans):
        half = (scan.high - scan.low) / 2
        shift = (number - (len(scans) - 1) / 2) * min(0.06, 1.6 / len(scans)) * half
        axes.errorbar(
            scan.low + half + shift, height(scan.z),
            xerr=[half + shift, half - shift], fmt="osD^v"[number % 5], ms=6,
            color=series_colour(number, len(scans)), label=scan.label, elinewidth=1.2,
        )  # fmt: skip
    first, last = min(scan.low.min() for scan in scans), max(scan.high.max() for scan in scans)
    axes.set_xlim(first - 0.22 * (last - first), last + 0.05 * (last - first))
    axes.set_xlabel("Resonant mass [GeV]")
    size = 11 if len(scans) > 4 else 13
    words = {"fontsize": size, "title": title, "title_fontsize": size}
    if crowded:
        axes.set_ylabel("Local significance")
        axes.set_ylim(min(-1.0, *(np.nanmin(scan.z, initial=0.0) for scan in scans)), 1.05 * top)
        add_legend(axes, **words)
        return
    axes.set_yscale("log")
    axes.set_ylim(height(top), 2.0)
    axes.set_ylabel("Local p-value")
    add_legend(axes, below=True, **words)
    _sigma_axis(axes, np.arange(0, int(top) + 1))


def _sigma_axis(axes: Axes, lines: np.ndarray) -> None:
    """Whole significances on the right, with lines."""
    from scipy.special import ndtr

    for sigma in lines[1:]:
        axes.axhline(ndtr(-float(sigma)), color="0.7", ls=":", lw=1, zorder=0)
    right = axes.twinx()
    right.set_yscale("log")
    right.set_ylim(axes.get_ylim())
    axes.tick_params(axis="y", which="both", right=False)
    right.set_yticks(ndtr(-lines.astype(float)), [f"{sigma}$\\sigma$" for sigma in lines])
    right.set_yticks([], minor=True)
    right.tick_params(axis="y", which="both", left=False, direction="in")
    right.set_ylabel("Local significance", loc="top")


def draw_maximum(axes: Axes, edges: np.ndarray, counts: np.ndarray, observed: float, title: str) -> None:
    """Largest significance of each replica of the null, and that of the data."""
    filled = np.flatnonzero(counts)
    first, last = max(filled[0] - 2, 0), min(filled[-1] + 3, len(counts))
    axes.stairs(counts[first:last], edges[first : last + 1], fill=True, color=series_colour(0), alpha=0.4)
    axes.stairs(
        counts[first:last], edges[first : last + 1], color=series_colour(0), label="Replicas of the null"
    )
    if observed < CROWDED:
        axes.axvline(observed, color="black", lw=2, label=f"Data, {observed:.2f}")
    else:
        axes.plot([], [], " ", label=f"Data beyond, {observed:.2f}")
    within = observed + 0.05 * (observed - edges[first]) if observed < CROWDED else CROWDED
    axes.set_xlim(edges[first], max(edges[last], within))
    axes.set_ylim(0, 1.05 * counts.max())
    axes.set_xlabel("Largest local significance")
    axes.set_ylabel(f"Replicas / {edges[1] - edges[0]:.1f}")
    add_legend(axes, title=title, title_fontsize="x-small", **_OPAQUE)


def draw_trials(
    axes: Axes, z: np.ndarray, curves: Mapping[str, np.ndarray], observed: tuple[float, float, float]
) -> None:
    """Global p-value against the local significance.

    Args:
        z: (n,) local significance.
        curves: (n,) global p-values by label.
        observed: local significance, global p-value and its error.
    """
    from scipy.special import ndtr

    axes.plot(z, ndtr(-z), color="0.5", ls=":", label="Local p-value")
    for number, (label, values) in enumerate(curves.items()):
        style = ("-", "--", "-.", (0, (1, 1)))[number % 4]
        axes.plot(z, values, color=series_colour(number), ls=style, label=label)
    end = min(z[-1], CROWDED)
    place, p_value, error = observed
    if place <= end:
        axes.errorbar(
            [place], [p_value], yerr=[[min(error, 0.9 * p_value)], [error]], fmt="o", color="black", ms=8,
            label="Data", zorder=5,
        )  # fmt: skip
    else:
        axes.plot([], [], " ", label=f"Data beyond, {place:.1f}")
    axes.set_yscale("log")
    axes.set_xlim(0, end)
    axes.set_ylim(float(ndtr(-end)), 2.0)
    axes.set_xlabel("Largest local significance")
    axes.set_ylabel("Global p-value")
    add_legend(axes, below=True)
