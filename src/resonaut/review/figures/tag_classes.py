"""Several classes told apart: confusion, rejection of all others, calibration, losses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from resonaut.plot.curves import draw_rejection
from resonaut.plot.matrix import BAR_MARGIN, draw_confusion
from resonaut.plot.reliability import draw_reliability
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.figures.tag_binary import rejection_curve
from resonaut.review.figures.tag_panels import draw_history, grouped, metrics_of
from resonaut.review.reading import attribute, column, open_kind
from resonaut.stats.rates import roc

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

MAX_BANDS = 6
"""Classes whose binomial bands are drawn; those of more would cover each other."""


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the confusion matrix, one class against all others, the calibration and the losses."""
    metrics = metrics_of(inputs["metrics"], "accuracy", "confusion", "one_vs_rest", "calibration")
    with open_kind(inputs["scores"], "tag_scores") as file:
        scores, label = column(file, "jets/scores"), column(file, "jets/label")
        names = attribute(file, "classes")
    what = metrics.get("rows", "jets")
    figure, [[matrix, curves], [reliable, losses]] = panels(
        [Row((False, False), right=BAR_MARGIN, square=True), Row((True, True), right=BAR_MARGIN)], width=6.2
    )
    draw_confusion(matrix.main, metrics["confusion"], names)
    add_label(matrix.main, look)
    areas = {name: metrics["one_vs_rest"][name]["auc"] for name in names}
    drawn = [
        rejection_curve(
            roc(scores[:, number], label == number),
            f"{name}: AUC {areas[name]:.4f}",
            series_colour(number, len(names)),
        )
        for number, name in enumerate(names)
        if areas[name] is not None
    ]
    if len(drawn) > MAX_BANDS:
        drawn = [replace(curve, lower=None, upper=None) for curve in drawn]
    draw_rejection(curves.main, drawn)
    curves.main.set_xlabel(r"Efficiency of the class")
    curves.main.set_ylabel("Rejection of all other classes")
    add_title(curves.main, f"{metrics['method']}: {grouped(len(label))} test {what}")
    error = metrics["calibration"]["expected_calibration_error"]
    draw_reliability(
        *(reliable, metrics["calibration"], f"Test: mean distance {error:.3f}", series_colour(0)),
        *("Probability of the predicted class", "Fraction that is right"),
    )
    add_title(reliable.main, "Classes weighted equally")
    draw_history(losses, metrics, "Cross-entropy")
    return figure
