"""Local p-values and upper limits against the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.significance import significance_axis
from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ONE_SIGMA_BAND, TWO_SIGMA_BAND = "#607641", "#f5bb54"
"""Green and amber of about equal contrast for colour-blind readers, in the field's usual order."""


@dataclass(frozen=True)
class Scan:
    """Results of windows in the order of their lower edges, for one selection.

    Attributes:
        low, high: (n_windows,) GeV.
        p_value, z_local: (n_windows,), NaN where the fits of a window failed.
        observed: (n_windows,) upper limit, NaN where blind; with the expected one and its bands:
        expected: (5, n_windows) at -2, -1, 0, 1, 2 standard deviations.
        by_toys, failed: (n_windows,) boolean: numbers are from toys; the fits failed. None: nowhere.
    """

    label: str
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray
    z_local: np.ndarray
    observed: np.ndarray
    expected: np.ndarray
    by_toys: np.ndarray | None = None
    failed: np.ndarray | None = None

    @property
    def centres(self) -> np.ndarray:
        """(n_windows,) GeV."""
        return (self.low + self.high) / 2

    def flags(self, name: str) -> np.ndarray:
        """(n_windows,) boolean of `by_toys` or `failed`."""
        values = getattr(self, name)
        return np.zeros(len(self.low), bool) if values is None else np.asarray(values, bool)


def _range(scans: Sequence[Scan]) -> tuple[float, float]:
    low = min(float(scan.low.min()) for scan in scans)
    high = max(float(scan.high.max()) for scan in scans)
    margin = 0.08 * (high - low)
    return low - margin, high + margin


def draw_p_values(
    axes: Axes, scans: Sequence[Scan], colours: Sequence[str], title: str | None = None
) -> None:
    """Local p-value per window (bars span the window), with lines and a right axis at whole sigmas."""
    from scipy.stats import norm

    every = np.concatenate([scan.p_value for scan in scans])
    smallest = float(np.nanmin(every)) if np.isfinite(every).any() else 0.5
    n_sigma = max(3, int(np.ceil(norm.isf(max(smallest, 1e-300)) + 0.3)))
    lines = np.arange(0, n_sigma + 1)
    for sigma in lines[1:]:
        axes.axhline(norm.sf(sigma), color="0.6", ls="--", lw=1)
    for number, (scan, colour) in enumerate(zip(scans, colours, strict=True)):
        offset = (number - (len(scans) - 1) / 2) * 0.05 * (scan.high - scan.low)
        half = (scan.high - scan.low) / 2
        toys = scan.flags("by_toys")
        marker = "osD^v"[number % 5]
        for chosen, filled in ((~toys, True), (toys, False)):
            if not chosen.any() and (not filled or toys.any()):
                continue
            axes.errorbar(
                (scan.centres + offset)[chosen],
                np.maximum(scan.p_value, 1e-300)[chosen],
                xerr=[(half + offset)[chosen], (half - offset)[chosen]],
                fmt=marker,
                ms=7,
                color=colour,
                mfc=colour if filled else "white",
                label=scan.label if filled else f"{scan.label}, by toys",
            )
    _draw_failures(axes, scans)
    axes.set_yscale("log")
    axes.set_ylim(norm.sf(n_sigma + 0.35), 1.5)
    axes.set_xlim(*_range(scans))
    axes.set_xlabel("Resonant mass [GeV]")
    axes.set_ylabel("Local p-value")
    add_legend(axes, below=True, title=title, title_fontsize="x-small")
    significance_axis(axes, lines)


def _draw_failures(axes: Axes, scans: Sequence[Scan]) -> None:
    """Hatch windows in which the fits of a selection failed."""
    spans = sorted(
        {
            (low, high)
            for scan in scans
            for low, high in np.stack([scan.low, scan.high], 1)[scan.flags("failed")]
        }
    )
    for number, (low, high) in enumerate(spans):
        axes.axvspan(
            *(float(low), float(high)),
            fc="0.95",
            ec="0.85",
            hatch="///",
            lw=0,
            zorder=0,
            label="_" if number else "A fit failed",
        )


def draw_limits(
    axes: Axes, scan: Scan, confidence_level: float, y_label: str, title: str | None = None
) -> None:
    """Observed and expected upper limits per window with bands of one and two standard deviations."""
    for number, (low, high) in enumerate(zip(scan.low, scan.high, strict=True)):
        names = (
            [f"_{k}" for k in range(4)]
            if number
            else ["Observed", "Expected", r"Expected $\pm 1\sigma$", r"Expected $\pm 2\sigma$"]
        )
        minus2, minus1, median, plus1, plus2 = scan.expected[:, number]
        axes.fill_between([low, high], minus2, plus2, color=TWO_SIGMA_BAND, lw=0, label=names[3])
        axes.fill_between([low, high], minus1, plus1, color=ONE_SIGMA_BAND, lw=0, label=names[2])
        axes.plot([low, high], [median, median], color="black", ls="--", lw=1.6, label=names[1])
    for toys, fill in ((False, "black"), (True, "white")):
        chosen = np.isfinite(scan.observed) & (scan.flags("by_toys") == toys)
        if chosen.any():
            axes.errorbar(
                scan.centres[chosen],
                scan.observed[chosen],
                xerr=((scan.high - scan.low) / 2)[chosen],
                fmt="o",
                ms=5,
                color="black",
                mfc=fill,
                label="Observed, by toys" if toys else "Observed",
            )
    _draw_failures(axes, [scan])
    everything = np.concatenate([scan.expected.ravel(), scan.observed])
    positive = everything[everything > 0]
    axes.set_yscale("log")
    axes.set_ylim(0.6 * float(positive.min()), 1.5 * float(positive.max()))
    axes.set_xlim(*_range([scan]))
    axes.set_xlabel("Resonant mass [GeV]")
    axes.set_ylabel(y_label)
    heading = f"{100 * confidence_level:g} % CL upper limits"
    add_legend(axes, title=heading if title is None else f"{heading}\n{title}", title_fontsize="x-small")
