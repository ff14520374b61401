"""Scores of signal region and side bands, what a cut gains where the truth is known, importances, losses.

Where a search of data is blind, events of the signal region are neither counted nor drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut import mixtures
from resonaut.errors import EmptyWindowError, InputError
from resonaut.plot.curves import Curve, draw_improvement, draw_losses
from resonaut.plot.histograms import Histogram, Series, draw_histograms
from resonaut.plot.importance import draw_importance
from resonaut.plot.intervals import poisson_residuals
from resonaut.plot.style import PALETTE_6, Look, Panel, Row, add_label, add_title, panels, series_colour
from resonaut.review.reading import attribute, column, find_key, json_with, open_kind
from resonaut.scan import ScanSettings
from resonaut.settings import validate
from resonaut.stats.rates import improvement, roc, sideband_efficiency, thinned
from resonaut.truth import truth

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

BLIND = "Blind: signal region not opened"
MIN_SIGNAL, MIN_BACKGROUND = 10, 25
"""Fewest signal events in a window, and background events above a cut, for which a gain is drawn."""
IMPORTANCE = "Importance: 1 - rank correlation of scores, feature shuffled"
N_PER_DECADE = 24
"""Points of a curve in each decade of background efficiency."""
N_BESIDE, LEFT = 2, 1.6
"""Panels beside the first in one row, and inches for the names of features."""
CHOICE = 0.01
"""Side-band efficiency of the cut by whose excess the window is chosen that is drawn."""


@dataclass(frozen=True)
class Scores:
    """Scores of the first pseudo-experiment, padding removed.

    Attributes:
        efficiency: (n_windows, n_events) side-band efficiency of the cut at each event's score.
        region: (n_windows, n_events) 1 signal region, 0 side band, -1 neither.
        rows: (n_events,) rows of the file.
        n_folds: folds.
    """

    method: str
    mixture: str
    windows: list[dict[str, float]]
    efficiency: np.ndarray
    region: np.ndarray
    rows: np.ndarray
    n_folds: int

    def best_window(self) -> int:
        """The window of the largest Poisson excess of the signal region at side-band efficiency `CHOICE`."""
        inside = self.region == 1
        passed = (inside & (self.efficiency <= CHOICE)).sum(1)
        return int(poisson_residuals(passed, np.maximum(CHOICE * inside.sum(1), 1e-9)).argmax())

    def title(self, window: int) -> str:
        """The window in words."""
        return f"{self.windows[window]['low']:g}-{self.windows[window]['high']:g} GeV"


def read(path: Any) -> Scores:
    """Read the file of the stage detect.

    Raises:
        InputError: not such a file.
        EmptyWindowError: a window or its side bands hold no events.
    """
    with open_kind(path, "scores") as file:
        mass, fold, score = (column(file, name)[0] for name in ("events/mass", "events/fold", "score"))
        windows, provenance = attribute(file, "windows"), attribute(file, "provenance")
        names = {name: str(file.attrs.get(name, "")) for name in ("method", "mixture")}
    scan = validate(ScanSettings, find_key(provenance, "scan"), f"{path}: provenance.settings.scan")
    rows = np.flatnonzero(fold >= 0)
    mass, fold, score = mass[rows], fold[rows], score[:, rows]
    region = scan.regions(mass)
    for number, part in enumerate(region):
        if not (part == 1).any() or not (part == 0).any():
            raise EmptyWindowError(f"{path}: window {windows[number]} or its side bands hold no events.")
    efficiency = np.stack(
        [sideband_efficiency(*pair) for pair in zip(score, [fold] * len(score), region, strict=True)]
    )
    return Scores(
        **names,
        windows=windows,
        efficiency=efficiency,
        region=region,
        rows=rows,
        n_folds=len(np.unique(fold)),
    )


_SCORE_LABEL = r"$-\log_{10}$(side-band efficiency of a cut at the score)"


def _score_edges(scores: Scores, window: int) -> np.ndarray:
    tightest = max(10.0 / (scores.region[window] == 0).sum() * scores.n_folds, 1e-4)
    return 0.25 * np.arange(max(4, int(np.floor(-np.log10(tightest) / 0.25))) + 1)


def draw_blind(panel: Panel, scores: Scores, window: int) -> None:
    """Draw side-band events against the transformed score: those of all signal regions stay closed."""
    edges = _score_edges(scores, window)
    # Side bands reach into the signal regions of other windows.
    outside = (scores.region[window] == 0) & ~(scores.region == 1).any(0)
    value = -np.log10(scores.efficiency[window, outside])
    side = Histogram.of(np.minimum(value, edges[-1] - 1e-9), edges)
    series = [Series(side, "Side bands", PALETTE_6[0], "fill")]
    draw_histograms(panel, series, _SCORE_LABEL, "Events / 0.25", log=True, legend_title=BLIND)
    panel.main.set_ylim(bottom=0.5)


def draw_scores(panel: Panel, scores: Scores, window: int, is_signal: np.ndarray | None) -> None:
    """Draw events of the signal region against the transformed score, over what the side bands predict."""
    inside = scores.region[window] == 1
    edges = _score_edges(scores, window)
    value = np.minimum(-np.log10(scores.efficiency[window, inside]), edges[-1] - 1e-9)
    share = -np.diff(np.append(10.0 ** -edges[:-1], 0.0))
    expected = inside.sum() * share
    error = expected * np.sqrt((1 - share) / (share * (scores.region[window] == 0).sum()))
    reference = Histogram(edges, expected, expected - error, expected + error)
    series = [
        Series(reference, "Side bands, scaled", PALETTE_6[0], "fill"),
        Series(Histogram.of(value, edges), "Signal region", "black", "points"),
    ]
    if is_signal is not None and (inside & is_signal).any():
        chosen = is_signal[inside]
        series.append(Series(Histogram.of(value[chosen], edges), "of which signal (truth)", PALETTE_6[2]))
    points = series[1].histogram
    top = max(2.0, 1.1 * float((points.upper / expected)[points.values > 0].max()))
    draw_histograms(
        panel, series, _SCORE_LABEL, "Events / 0.25", log=True, reference=reference,
        ratio_label="SR / side bands", ratio_range=(0.0, top),
    )  # fmt: skip
    panel.main.set_ylim(bottom=0.5)


def improvement_curves(scores: Scores, is_signal: np.ndarray) -> list[Curve]:
    """The gain in each window that holds enough signal."""
    curves = []
    for window in range(len(scores.windows)):
        inside = scores.region[window] == 1
        signal = is_signal[inside]
        if signal.sum() < MIN_SIGNAL or (~signal).sum() < MIN_BACKGROUND:
            continue
        found = improvement(roc(-scores.efficiency[window, inside], signal), MIN_BACKGROUND)
        n_points = int(np.ceil(-N_PER_DECADE * np.log10(found.background_efficiency[0]))) + 2
        kept = thinned(found.background_efficiency, n_points, log=True)
        value, error = found.value[kept], found.error[kept]
        label = f"{scores.title(window)} ({int(signal.sum())} signal)"
        x = found.background_efficiency[kept]
        curves.append(Curve(label, series_colour(window), x, value, value - error, value + error))
    return curves


def losses(
    metrics: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Mean losses over the networks, and their smallest and largest, by epoch.

    Networks stop one by one; epochs in which fewer than half still train would show which ones do, not how
    the losses move.
    """
    means, bands = {}, {}
    for name, key in (("Training", "train_loss"), ("Validation", "validation_loss")):
        curve = {part: np.array(values) for part, values in metrics[key].items()}
        kept = curve["n_networks"] >= 0.5 * metrics["n_networks"]
        means[name] = curve["mean"][kept]
        bands[name] = (curve["min"][kept], curve["max"][kept])
    return means, bands


def importances(metrics: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Importance of each feature in each window, (n_windows,), NaN where a window has none."""
    found = metrics.get("importance") or {}
    features = sorted({name for values in found.values() for name in values})
    return {
        name: np.array([values.get(name, np.nan) for values in found.values()], float) for name in features
    }


def _draw_gain(axes: Any, scores: Scores, curves: list[Curve]) -> None:
    draw_improvement(axes, curves, f"At least {MIN_BACKGROUND} background events")
    add_title(axes, f"{scores.method} in {scores.mixture}, truth")


def _draw_losses(axes: Any, metrics: Mapping[str, Any]) -> None:
    means, bands = losses(metrics)
    best = metrics["best_epoch"]["median"]
    shown = best if best <= len(means["Training"]) else None
    draw_losses(axes, means, bands, shown, "Weights kept, median")
    add_title(axes, f"Mean and range of {metrics['n_networks']} networks")


def _draw_importance(axes: Any, metrics: Mapping[str, Any], scores: Scores) -> None:
    draw_importance(axes, importances(metrics), IMPORTANCE)
    many = len(metrics["importance"]) > 1
    add_title(axes, f"{scores.method}" + (f", mean of {len(metrics['importance'])} windows" if many else ""))


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the scores of one window, the gain per window where the truth is known, importances and losses."""
    metrics = json_with(inputs["metrics"], "train_loss", "validation_loss", "n_networks", "best_epoch")
    scores = read(inputs["scores"])
    mixture = mixtures.read(inputs["mixture"])
    if len(mixture) <= scores.rows.max():
        raise InputError(f"{inputs['mixture']}: {len(mixture)} events, but {inputs['scores']} has more.")
    blind = not all(mixture.labels) and not look.unblind
    is_signal = truth(mixture)
    is_signal = None if is_signal is None else is_signal[scores.rows]
    curves = [] if is_signal is None else improvement_curves(scores, is_signal)
    # The window of the largest excess would tell where there is one.
    window = 0 if blind else scores.best_window()
    parts: list[Callable[[Any], None]] = []
    if curves:
        parts.append(lambda axes: _draw_gain(axes, scores, curves))
    if importances(metrics):
        parts.append(lambda axes: _draw_importance(axes, metrics, scores))
    if metrics["n_networks"] and metrics["train_loss"]["mean"]:
        parts.append(lambda axes: _draw_losses(axes, metrics))
    rows = [Row((not blind, *(False,) * len(parts)), height=5.6, left=LEFT)]
    if len(parts) > N_BESIDE:
        rows = [Row((not blind, False), height=5.6, left=LEFT), Row((False, False), height=5.6, left=LEFT)]
    figure, made = panels(rows, width=6.0)
    first, *others = [panel for row in made for panel in row]
    draw_blind(first, scores, window) if blind else draw_scores(first, scores, window, is_signal)
    add_label(first.main, look)
    add_title(first.main, scores.title(window))
    for panel, part in zip(others, parts, strict=True):
        part(panel.main)
    return figure
