"""A predicted value: its response before and after, resolution and scale, losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.calibration_curve import Curve
from resonaut.errors import InputError
from resonaut.plot.histograms import Histogram, Series, draw_histograms, nice_edges
from resonaut.plot.response import COLOURS, draw_response
from resonaut.plot.style import Look, Panel, Row, add_label, add_title, panels
from resonaut.review.figures.tag_panels import draw_history, grouped, metrics_of
from resonaut.review.reading import column, open_kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

N_BINS = 80
_COMPARABLE = (0.5, 2.0)
"""Medians of reference / target between which the reference stands for the target itself."""
_X_LABELS = {"target": "True value [GeV]", "reference": "Uncorrected value [GeV]", "pt": r"$p_T$ [GeV]"}


def _legend(name: str, found: dict[str, Any]) -> str:
    if found["resolution"] is None:
        return name
    return f"{name}: median {found['median']:.3f}, resolution {found['resolution']:.3f}"


def _before(metrics: dict[str, Any]) -> str:
    """What the prediction is compared with: the reference, calibrated where it has another scale by far."""
    scale = metrics.get("uncorrected", {}).get("median")
    far = scale is not None and not _COMPARABLE[0] < scale < _COMPARABLE[1]
    return "calibrated" if far and "calibrated" in metrics else "uncorrected"


def _shade_held_out(panel: Panel, metrics: dict[str, Any]) -> None:
    """Mark values of the target that the training did not see."""
    for name, found in metrics.get("held_out", {}).items():
        if name == metrics["provenance"]["settings"]["training"]["settings"]["target"]:
            for axes in (panel.main, panel.lower):
                axes.axvspan(*found["range"], color="0.9", lw=0, zorder=-5)


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the response, resolution and median against two variables, and the losses."""
    metrics = metrics_of(inputs["metrics"], "median", "resolution", "bins")
    with open_kind(inputs["scores"], "tag_scores") as file:
        target = column(file, "jets/target").astype(float)
        values = {"Corrected": column(file, "jets/prediction").astype(float)}
        summaries = {"Corrected": metrics}
        before = _before(metrics)
        if "jets/reference" in file:
            reference = column(file, "jets/reference").astype(float)
            if before == "calibrated":
                reference = Curve(**metrics["calibration"]).calibrated(reference)
            values = {before.capitalize(): reference, **values}
            summaries[before.capitalize()] = metrics[before]
    known = target > 0
    if not known.any():
        raise InputError(f"{inputs['scores']}: no row of jets/target is positive; there is no response.")
    what = metrics.get("rows", "jets")
    shown = [name for name in ("pt", "target", "reference") if name in metrics["bins"]][:2]
    figure, rows = panels(
        [Row((False, True)), Row((True,) * len(shown), lower_share=0.4)][: 1 + bool(shown)], width=6.2
    )
    responses = {name: value[known] / target[known] for name, value in values.items()}
    edges = nice_edges(list(responses.values()), N_BINS)
    series = [
        Series(
            Histogram.of(ratio, edges, unit_area=True),
            _legend(name, summaries[name]),
            COLOURS[number - len(responses)],
        )
        for number, (name, ratio) in enumerate(responses.items())
    ]
    [response, losses] = rows[0]
    draw_histograms(response, series, "Value / true value", f"Fraction of {what} / {edges[1] - edges[0]:g}")
    response.main.axvline(1, color="0.5", ls=":", lw=1.2)
    add_label(response.main, look, f"{metrics['method']}: {grouped(int(np.sum(known)))} test {what}")
    draw_history(losses, metrics, "Loss")
    for panel, name in zip(rows[1] if shown else (), shown, strict=True):
        binned = metrics["bins"][name]
        order = [key for key in (before, "corrected") if key in binned]
        draw_response(
            panel, binned["edges"], {key.capitalize(): binned[key] for key in order}, _X_LABELS[name]
        )
        add_title(panel.main, f"Test {what}: half of the central 68 % / median")
        if name == "target":
            _shade_held_out(panel, metrics)
    return figure
