"""Signal and background told apart: rejection, scores, calibration, efficiencies, losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import InputError
from resonaut.plot.curves import Curve, draw_rejection
from resonaut.plot.efficiency import draw_efficiencies
from resonaut.plot.histograms import Histogram, Series, draw_histograms
from resonaut.plot.intervals import clopper_pearson
from resonaut.plot.reliability import draw_reliability
from resonaut.plot.style import Look, Panel, Row, add_label, add_title, panels, series_colour
from resonaut.review.figures.tag_panels import draw_history, grouped, metrics_of
from resonaut.review.reading import attribute, column, open_kind
from resonaut.stats.rates import Roc, roc, spread, thinned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

SCORE_BINS = 40
MIN_BACKGROUND = 5
"""Rows that pass where a curve begins: with fewer the error exceeds 45 %."""
CLASSES = ("background", "signal")
_X_LABELS = {"pt": r"$p_T$ [GeV]", "mass": "Mass [GeV]"}


@dataclass(frozen=True)
class Scores:
    """Scores of a tagger.

    Attributes:
        score, label, dataset: (n,) of the test rows; 1 is signal.
        restarts: (n, n_restarts), or None.
        training_score, training_label: (m,), or None.
        names: of the datasets.
    """

    score: np.ndarray
    label: np.ndarray
    dataset: np.ndarray
    restarts: np.ndarray | None
    training_score: np.ndarray | None
    training_label: np.ndarray | None
    names: list[str]


def read(path: Path) -> Scores:
    """Read the scores of a binary tagger.

    Raises:
        InputError: a column or a class is missing.
    """
    with open_kind(path, "tag_scores") as file:
        columns = [column(file, f"jets/{name}") for name in ("score", "label", "dataset")]
        further = [
            column(file, name) if name in file else None
            for name in ("jets/restart_scores", "training/score", "training/label")
        ]
        names = attribute(file, "datasets")
    if not (columns[1] == 1).any() or not (columns[1] == 0).any():
        raise InputError(f"{path}: jets of both classes are needed, jets/label has one.")
    return Scores(*columns, *further, names)


def rejection_curve(curve: Roc, label: str, colour: str, n_points: int = 400) -> Curve:
    """1 / eps_B against eps_S with the binomial (Clopper-Pearson) band, where enough background passes."""
    enough = min(MIN_BACKGROUND, curve.n_background)
    kept = np.flatnonzero((curve.background_passed >= enough) & (curve.signal_passed > 0))
    kept = kept[thinned(curve.signal_efficiency[kept], n_points)]
    lower, upper = clopper_pearson(curve.background_passed[kept], curve.n_background)
    return Curve(
        label,
        colour,
        curve.signal_efficiency[kept],
        1 / curve.background_efficiency[kept],
        1 / upper,
        1 / lower,
    )


def working_points(metrics: Mapping[str, Any]) -> list[tuple[float, float, float, float]]:
    """The measured working points: eps_S, rejection, and the ends of its binomial interval."""
    points = []
    for point in metrics["rejection"].values():
        if point["rejection"] is not None:
            lower, upper = clopper_pearson(point["background_passed"], metrics["n_background"])
            points.append(
                (point["signal_efficiency"], point["rejection"], 1 / float(upper), 1 / float(lower))
            )
    return points


def _restarts(scores: Scores) -> Curve | None:
    """Band between the worst and the best single network at each signal efficiency."""
    if scores.restarts is None or scores.restarts.shape[1] < 2:
        return None
    grid = np.linspace(0, 1, 201)[1:]
    curves = [roc(values, scores.label == 1) for values in scores.restarts.T]
    lower, upper = spread(curves, grid)
    known = np.isfinite(lower)
    text = f"Range of {len(curves)} networks"
    return Curve(text, "0.45", grid[known], lower[known], lower[known], upper[known])


def _draw_roc(panel: Panel, scores: Scores, metrics: Mapping[str, Any]) -> None:
    error = metrics.get("auc_error")
    area = f"{metrics['auc']:.4f}" + ("" if error is None else f" $\\pm$ {error:.4f}")
    band = _restarts(scores)
    kind = "" if band is None else " (their mean score)"
    curve = rejection_curve(
        roc(scores.score, scores.label == 1), f"{metrics['method']}{kind}\nAUC {area}", series_colour(0)
    )
    draw_rejection(panel.main, [replace(curve, points=working_points(metrics))], band)


def _series_of(scores: Scores, number: int, look: Look) -> tuple[str, str]:
    """Name of a class with its datasets, and its colour."""
    own = [scores.names[index] for index in np.unique(scores.dataset[scores.label == number])]
    colour = look.colour(own[0]) if len(own) == 1 else series_colour(2 * number)
    return f"{', '.join(own)} ({CLASSES[number]})", colour


def _draw_scores(panel: Panel, scores: Scores, metrics: Mapping[str, Any], look: Look) -> None:
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    what = metrics.get("rows", "jets")
    tests = (metrics.get("overtraining") or {}).get("kolmogorov_smirnov") or {}
    series = []
    for number, kind in enumerate(CLASSES):
        name, colour = _series_of(scores, number, look)
        values = scores.score[scores.label == number]
        text = f"{name}: {grouped(len(values))} {what}"
        series.append(Series(Histogram.of(values, edges, unit_area=True), text, colour))
        if scores.training_score is not None and (scores.training_label == number).any():
            seen = scores.training_score[scores.training_label == number]
            test = tests.get(kind)
            text = "Training" if test is None else f"Training: KS p = {test['p_value']:.2g}"
            series.append(Series(Histogram.of(seen, edges, unit_area=True), text, colour, "points"))
    draw_histograms(panel, series, "Score", f"Fraction of {what} / {1 / SCORE_BINS:g}", log=True)
    add_title(panel.main, f"Test {what}")


def _draw_calibration(panel: Panel, calibration: Mapping[str, Any]) -> None:
    error = calibration["expected_calibration_error"]
    draw_reliability(
        *(panel, calibration, f"Test: mean distance {error:.3f}", series_colour(0)),
        *("Score", "Fraction of signal"),
    )
    add_title(panel.main, "Classes weighted equally")


def _draw_dependence(panel: Panel, variable: str, found: Mapping[str, Any], what: str) -> None:
    cuts = {f"Cut at $\\epsilon_S$ = {name}": value for name, value in found.items() if name != "edges"}
    signal, background = (
        {label: value[kind] for label, value in cuts.items()} for kind in ("signal", "background")
    )
    draw_efficiencies(panel, found["edges"], signal, background, _X_LABELS[variable])
    add_title(panel.main, f"Test {what}")


def _rows(n_second: int) -> Sequence[Row]:
    first = Row((False, False, True))
    return [first] if not n_second else [first, Row((True,) * n_second, lower_share=0.45)]


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the rejection with its working points, scores, losses; and what the metrics have of the rest."""
    metrics = metrics_of(inputs["metrics"], "auc", "rejection", "n_background")
    scores = read(inputs["scores"])
    look = look.with_datasets(scores.names)
    dependence = {
        name: found for name, found in (metrics.get("efficiency") or {}).items() if name in _X_LABELS
    }
    calibration = metrics.get("calibration")
    n_second = 0 if calibration is None else 1 + len(dependence)
    figure, made = panels(_rows(n_second))
    left, middle, right = made[0]
    _draw_roc(left, scores, metrics)
    add_label(left.main, look)
    _draw_scores(middle, scores, metrics, look)
    draw_history(right, metrics, "Binary cross-entropy")
    if n_second:
        _draw_calibration(made[1][0], calibration)
        for panel, (name, found) in zip(made[1][1:], dependence.items(), strict=True):
            _draw_dependence(panel, name, found, metrics.get("rows", "jets"))
    return figure
