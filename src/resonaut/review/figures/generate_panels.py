"""Panels that the figures of all generators share, drawn from `evaluation.json` and `training.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.curves import draw_losses
from resonaut.plot.histograms import Histogram, Series, draw_histograms
from resonaut.plot.intervals import garwood
from resonaut.plot.named_values import Named, draw_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from resonaut.plot.style import Panel

_REACHES = (0.1, 0.2, 0.5, 1.0)
_LOW_CONTENT = 0.1
_CLASSIFIERS = {
    "network": "Observables, network",
    "trees": "Observables, trees",
    "low_level": "All values, network",
}


def _ratio_range(real: Histogram, made: Histogram) -> tuple[float, float]:
    """The narrowest of some ranges that holds the ratios of bins with more than a little content."""
    filled = real.values > _LOW_CONTENT * real.values.max(initial=0)
    off = np.abs(made.values[filled] / real.values[filled] - 1).max(initial=0)
    reach = next((reach for reach in _REACHES if off < 0.9 * reach), _REACHES[-1])
    return 1 - reach, 1 + reach


def with_unit(title: str, unit: str) -> str:
    """Words for an axis."""
    return f"{title} [{unit}]" if unit else title


def draw_pair(
    panel: Panel,
    pair: tuple[Histogram, Histogram],
    words: tuple[str, str, str],
    colour: str,
    axes: tuple[str, str],
    log: bool = False,
) -> None:
    """Held-out rows, filled, and generated ones, points, with the ratio below.

    Args:
        pair: histograms of held-out and generated rows.
        words: names of both, and the label of the ratio.
        colour: of the held-out rows.
        axes: labels of x and y.
        log: logarithmic y.
    """
    series = [Series(pair[0], words[0], colour, "fill"), Series(pair[1], words[1], "black", "points")]
    draw_histograms(
        *(panel, series, *axes),
        log=log,
        reference=pair[0],
        ratio_label=words[2],
        ratio_range=_ratio_range(*pair),
    )


def draw_observable(
    panel: Panel, entry: Mapping[str, Any], n_rows: int, words: tuple[str, str, str], colour: str, what: str
) -> None:
    """One observable of `evaluation.json`, normalised to the number of rows.

    Args:
        entry: of `observables`.
        n_rows: of each sample.
        what: rows are ("showers", "jets").
    """
    edges = np.asarray(entry["edges"])
    pair = []
    for name in ("real", "generated"):
        counts = np.asarray(entry["counts"][name], float)
        lower, upper = garwood(counts)
        pair.append(Histogram(edges, counts / n_rows, lower / n_rows, upper / n_rows))
    width = edges[1] - edges[0]
    per_bin = "" if width == 1 else f" / {with_unit(f'{width:.3g}', '')} {entry['unit']}".rstrip()
    axes = (with_unit(entry["title"], entry["unit"]), f"Fraction of {what}{per_bin}")
    draw_pair(panel, tuple(pair), words, colour, axes)


def draw_separations(axes: Axes, evaluation: Mapping[str, Any]) -> None:
    """Separation power of all observables, beside that of held-out rows against other held-out rows."""
    entries = [
        Named(
            *(entry["title"], entry["separation"]["value"], entry["separation"]["error"]),
            entry["separation"]["floor"],
        )
        for entry in evaluation["observables"].values()
    ]
    limit = next((t["limit"] for t in evaluation["targets"] if t["name"] == "separation"), None)
    labels = ("Generated", "Other held-out rows")
    draw_named(axes, entries, "Separation power", labels, log=True, limit=limit)


def draw_areas(axes: Axes, evaluation: Mapping[str, Any]) -> None:
    """Areas under the ROC curves of classifiers of generated rows, beside their floors."""
    found = dict(evaluation["classifier"]["high_level"] or {})
    found["low_level"] = evaluation["classifier"]["low_level"]
    entries = [
        Named(_CLASSIFIERS[name], entry["auc"], entry["error"], entry["floor"], entry["floor_error"])
        for name, entry in found.items()
        if entry is not None
    ]
    limit = next((t["limit"] for t in evaluation["targets"] if t["name"] == "auc_high_level"), None)
    labels = ("Generated", "Other held-out rows")
    draw_named(axes, entries, "AUC against held-out rows", labels, limit=limit)
    axes.axvline(0.5, color="0.6", lw=1, zorder=0)


def draw_history(axes: Axes, training: Mapping[str, Any]) -> None:
    """Losses over the epochs of the first restart."""
    losses = {
        name: np.array([epoch[key] for epoch in training["history"]], float)
        for name, key in (("Training", "train_loss"), ("Validation", "validation_loss"))
    }
    draw_losses(axes, losses, best=training["best_epoch"], best_label="Weights kept")
