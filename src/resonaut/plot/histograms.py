"""Histograms with errors, laid over each other, with an optional ratio panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from resonaut.plot.intervals import garwood
from resonaut.plot.style import Panel, add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Histogram:
    """A histogram.

    Attributes:
        edges: (n_bins + 1,).
        values: (n_bins,) contents.
        lower, upper: (n_bins,) ends of the error bars.
    """

    edges: np.ndarray
    values: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @classmethod
    def of(
        cls, values: np.ndarray, edges: np.ndarray, weights: np.ndarray | None = None, unit_area: bool = False
    ) -> Histogram:
        """Fill a histogram.

        The errors of counts are Garwood intervals (one standard deviation), those of sums of weights are
        sqrt(sum of squared weights). With `unit_area` everything is divided by the sum over **all** values,
        those outside of the edges included.

        Args:
            values: (n,).
            edges: (n_bins + 1,) increasing.
            weights: (n,); weights that are all equal to one are counts.
        """
        values = np.asarray(values, float)
        if weights is None or np.all(np.asarray(weights) == 1):
            counts = np.histogram(values, edges)[0].astype(float)
            lower, upper = garwood(counts)
            total = float(len(values))
        else:
            weights = np.asarray(weights, float)
            counts = np.histogram(values, edges, weights=weights)[0]
            error = np.sqrt(np.histogram(values, edges, weights=weights**2)[0])
            lower, upper = counts - error, counts + error
            total = float(weights.sum())
        scale = 1 / total if unit_area and total else 1.0
        return cls(np.asarray(edges, float), counts * scale, lower * scale, upper * scale)

    @property
    def centres(self) -> np.ndarray:
        """(n_bins,) middles of the bins."""
        return (self.edges[1:] + self.edges[:-1]) / 2


@dataclass(frozen=True)
class Series:
    """A histogram with its name and colour; `marker` draws points with errors, otherwise a line with them."""

    histogram: Histogram
    label: str
    colour: str
    kind: Literal["line", "fill", "points"] = "line"


def whole_edges(samples: Sequence[np.ndarray], n_bins: int, tail: float = 0.005) -> np.ndarray:
    """Equal bins for whole numbers: each holds as many of them as any other; ends as in `nice_edges`.

    Returns:
        (n + 1,) edges halfway between whole numbers.
    """
    filled = [sample for sample in samples if len(sample)]
    start = np.floor(min(np.quantile(sample, tail) for sample in filled))
    stop = np.ceil(max(np.quantile(sample, 1 - tail) for sample in filled))
    width = max(1.0, np.ceil((stop - start + 1) / n_bins))
    return start - 0.5 + width * np.arange(np.ceil((stop - start + 1) / width) + 1)


def nice_edges(
    samples: Sequence[np.ndarray], n_bins: int, tail: float = 0.005, low: float | None = None
) -> np.ndarray:
    """Equal bins with round width that hold all but a share `tail` of each sample at either end.

    Args:
        samples: arrays (n_i,) that one axis has to show.
        n_bins: bins wanted, met within a factor of about two.
        low: lower end, if it is known.

    Returns:
        (n + 1,) edges at multiples of 1, 2, 2.5 or 5 times a power of ten.
    """
    filled = [sample for sample in samples if len(sample)]
    start = min(np.quantile(sample, tail) for sample in filled) if low is None else low
    stop = max(np.quantile(sample, 1 - tail) for sample in filled)
    if not stop > start:
        stop = start + max(abs(start), 1.0)
    raw = (stop - start) / n_bins
    power = 10.0 ** np.floor(np.log10(raw))
    width = power * min(step for step in (1, 2, 2.5, 5, 10) if step * power >= raw * 0.999)
    first = np.floor(start / width)
    return width * np.arange(first, np.ceil(stop / width) + 1)


def draw_one(axes: Axes, series: Series) -> None:
    """Draw a histogram on axes."""
    import mplhep

    histogram = series.histogram
    errors = np.array([histogram.values - histogram.lower, histogram.upper - histogram.values])
    # Upper ends of empty bins, one after the other, would hide the other histograms on a logarithmic axis.
    filled = histogram.values > 0
    x, y, errors = histogram.centres[filled], histogram.values[filled], errors[:, filled]
    if series.kind == "points":
        axes.errorbar(x, y, errors, fmt="o", ms=4.5, color=series.colour, label=series.label)
        return
    kind = "fill" if series.kind == "fill" else "step"
    alpha = {"alpha": 0.45} if kind == "fill" else {"lw": 1.8}
    mplhep.histplot(
        histogram.values,
        histogram.edges,
        ax=axes,
        histtype=kind,
        color=series.colour,
        label=series.label,
        yerr=False,
        **alpha,
    )
    axes.errorbar(x, y, errors, fmt="none", ecolor=series.colour, elinewidth=1.2)


def draw_histograms(
    panel: Panel,
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    log: bool = False,
    reference: Histogram | None = None,
    ratio_label: str = "Ratio",
    ratio_range: tuple[float, float] = (0.5, 1.5),
    legend_title: str | None = None,
) -> None:
    """Draw histograms over each other.

    Args:
        panel: its lower axes, if any, show the ratio of points to `reference`; its error bars are those of
            the points, its band is that of the reference.
        series: what to draw; all share one binning.
        log: logarithmic y.
    """
    axes = panel.main
    for entry in series:
        draw_one(axes, entry)
    edges = series[0].histogram.edges
    axes.set_xlim(edges[0], edges[-1])
    top = max(float(np.max(entry.histogram.upper)) for entry in series)
    if log:
        positive = [entry.histogram.values[entry.histogram.values > 0] for entry in series]
        axes.set_yscale("log")
        axes.set_ylim(0.5 * min((float(part.min()) for part in positive if len(part)), default=0.1), top)
    else:
        axes.set_ylim(0, top)
    axes.set_ylabel(y_label)
    panel.bottom.set_xlabel(x_label)
    add_legend(axes, title=legend_title, title_fontsize="x-small")
    if panel.lower is not None and reference is not None:
        _draw_ratio(panel.lower, series, reference, ratio_label, ratio_range)


def _draw_ratio(
    axes: Axes, series: Sequence[Series], reference: Histogram, label: str, limits: tuple[float, float]
) -> None:
    from matplotlib.ticker import MaxNLocator

    filled = reference.values > 0
    scale = np.where(filled, reference.values, 1.0)
    band = [np.where(filled, part / scale, 1.0) for part in (reference.lower, reference.upper)]
    axes.stairs(band[1], reference.edges, baseline=band[0], fill=True, color="0.8", label="_band")
    axes.axhline(1, color="0.4", lw=1)
    for entry in series:
        if entry.kind != "points":
            continue
        histogram = entry.histogram
        shown = filled & (histogram.upper > 0)
        ratio = histogram.values[shown] / scale[shown]
        errors = np.array(
            [ratio - histogram.lower[shown] / scale[shown], histogram.upper[shown] / scale[shown] - ratio]
        )
        axes.errorbar(
            histogram.centres[shown], ratio, errors, fmt="o", ms=4, color=entry.colour, elinewidth=1.2
        )
    axes.set_ylim(*limits)
    axes.yaxis.set_major_locator(MaxNLocator(4, prune="upper"))
    axes.set_ylabel(label, loc="center", fontsize=13)
