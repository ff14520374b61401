"""A tagger on jets that it was not trained on: rejection against efficiency, scores, losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import InputError
from resonaut.plot.curves import Curve, draw_losses, draw_rejection
from resonaut.plot.histograms import Histogram, Series, draw_histograms
from resonaut.plot.intervals import clopper_pearson
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.rates import Roc, roc, thinned
from resonaut.review.reading import attribute, column, json_with, open_kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

SCORE_BINS = 40


def rejection_curve(curve: Roc, label: str, colour: str, n_points: int = 400) -> Curve:
    """1 / eps_B against eps_S where any background passes, with the binomial (Clopper-Pearson) band."""
    kept = np.flatnonzero((curve.background_passed > 0) & (curve.signal_passed > 0))
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


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the rejection with its working points, the scores of each dataset, and the losses."""
    metrics = json_with(
        inputs["metrics"], "auc", "rejection", "n_background", "n_jets", "history", "best_epoch", "method"
    )
    what = metrics.get("rows", "jets")
    with open_kind(inputs["scores"], "tag_scores") as file:
        score, label, dataset = (column(file, f"jets/{name}") for name in ("score", "label", "dataset"))
        names = attribute(file, "datasets")
    if not (label == 1).any() or not (label == 0).any():
        raise InputError(f"{inputs['scores']}: jets of both classes are needed, jets/label has one.")
    look = look.with_datasets(names)
    figure, [[left, middle, right]] = panels([Row((False,) * 3)])
    curve = rejection_curve(
        roc(score, label == 1), f"{metrics['method']}: AUC {metrics['auc']:.4f}", series_colour(0)
    )
    points = working_points(metrics)
    draw_rejection(left.main, [Curve(**{**curve.__dict__, "points": points})])
    add_label(left.main, look)
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    series = []
    for number, name in enumerate(names):
        own = dataset == number
        if own.any():
            kind = "signal" if (label[own] == 1).all() else "background"
            text = f"{name} ({kind}): {int(own.sum()):,} {what}".replace(",", " ")
            series.append(Series(Histogram.of(score[own], edges, unit_area=True), text, look.colour(name)))
    draw_histograms(middle, series, "Score", f"Fraction of {what} / {1 / SCORE_BINS:g}", log=True)
    add_title(middle.main, f"Test {what}")
    losses = {
        name: np.array([epoch[key] for epoch in metrics["history"]])
        for name, key in (("Training", "train_loss"), ("Validation", "validation_loss"))
    }
    draw_losses(
        right.main,
        losses,
        best=metrics["best_epoch"],
        best_label="Weights kept",
        y_label="Binary cross-entropy",
    )
    add_title(right.main, f"{metrics['n_jets']['train']:,} training {what}".replace(",", " "))
    return figure
