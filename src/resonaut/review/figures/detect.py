"""Scores of signal region and side bands, what a cut gains where the truth is known, and the losses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut import mixtures
from resonaut.errors import EmptyWindowError, InputError
from resonaut.mixtures import Mixture
from resonaut.plot.curves import Curve, draw_improvement, draw_losses
from resonaut.plot.histograms import Histogram, Series, draw_histograms
from resonaut.plot.intervals import poisson_residuals
from resonaut.plot.style import PALETTE_6, Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.rates import improvement, roc, sideband_efficiency, thinned
from resonaut.review.reading import attribute, column, find_key, json_with, open_kind
from resonaut.scan import ScanSettings
from resonaut.settings import validate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

MIN_SIGNAL, MIN_BACKGROUND = 10, 10
"""Fewest signal events in a window, and background events above a cut, for which a gain is drawn."""
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


def truth(mixture: Mixture) -> np.ndarray | None:
    """Whether each event is signal: its dataset's label is not that of the dataset with most events.

    Returns:
        (n_events,) bool; None where labels are absent (data) or all the same.
    """
    most = Counter(mixture.dataset.tolist()).most_common(1)[0][0]
    if not all(mixture.labels) or len(set(mixture.labels)) < 2:
        return None
    other = np.array([label != mixture.labels[most] for label in mixture.labels])
    return other[mixture.dataset]


def draw_scores(panel: Any, scores: Scores, window: int, is_signal: np.ndarray | None) -> None:
    """Draw events of the signal region against the transformed score, over what the side bands predict."""
    inside = scores.region[window] == 1
    tightest = max(10.0 / (scores.region[window] == 0).sum() * scores.n_folds, 1e-4)
    n_bins = max(4, int(np.floor(-np.log10(tightest) / 0.25)))
    edges = 0.25 * np.arange(n_bins + 1)
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
        panel, series, r"$-\log_{10}$(side-band efficiency of a cut at the score)", "Events / 0.25", log=True,
        reference=reference, ratio_label="SR / side bands", ratio_range=(0.0, top),
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
        kept = thinned(found.background_efficiency, 120, log=True)
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


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the scores of one window, the gain per window where the truth is known, and the losses."""
    metrics = json_with(inputs["metrics"], "train_loss", "validation_loss", "n_networks", "best_epoch")
    scores = read(inputs["scores"])
    mixture = mixtures.read(inputs["mixture"])
    if len(mixture) <= scores.rows.max():
        raise InputError(f"{inputs['mixture']}: {len(mixture)} events, but {inputs['scores']} has more.")
    is_signal = truth(mixture)
    is_signal = None if is_signal is None else is_signal[scores.rows]
    curves = [] if is_signal is None else improvement_curves(scores, is_signal)
    window = scores.best_window()
    trained = bool(metrics["n_networks"])
    n_more = bool(curves) + trained
    figure, [[left, *others]] = panels([Row((True, *(False,) * n_more), height=5.6)], width=6.0)
    draw_scores(left, scores, window, is_signal)
    add_label(left.main, look)
    add_title(left.main, scores.title(window))
    if curves:
        draw_improvement(others[0].main, curves, f"At least {MIN_BACKGROUND} background events")
        add_title(others[0].main, f"{scores.method} in {scores.mixture}, truth")
    if trained:
        means, bands = losses(metrics)
        best = metrics["best_epoch"]["median"]
        shown = best if best <= len(means["Training"]) else None
        draw_losses(others[-1].main, means, bands, shown, "Weights kept, median")
        add_title(others[-1].main, f"Mean and range of {metrics['n_networks']} networks")
    return figure
