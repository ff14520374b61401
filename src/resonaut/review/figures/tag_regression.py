"""A predicted value: its response before and after, resolution and scale, losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import InputError
from resonaut.plot.histograms import Histogram, Series, draw_histograms, nice_edges
from resonaut.plot.response import COLOURS, draw_response
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.figures.tag_panels import draw_history, grouped, metrics_of
from resonaut.review.reading import column, open_kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

N_BINS = 80
_X_LABELS = {"target": "True value [GeV]", "reference": "Uncorrected value [GeV]", "pt": r"$p_T$ [GeV]"}


def _legend(name: str, found: dict[str, Any]) -> str:
    if found["resolution"] is None:
        return name
    return f"{name}: median {found['median']:.3f}, resolution {found['resolution']:.3f}"


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the response, resolution and median against two variables, and the losses."""
    metrics = metrics_of(inputs["metrics"], "median", "resolution", "bins")
    with open_kind(inputs["scores"], "tag_scores") as file:
        target = column(file, "jets/target").astype(float)
        values = {"Corrected": column(file, "jets/prediction").astype(float)}
        summaries = {"Corrected": metrics}
        if "jets/reference" in file:
            values = {"Uncorrected": column(file, "jets/reference").astype(float), **values}
            summaries["Uncorrected"] = metrics["uncorrected"]
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
        order = [key for key in ("uncorrected", "corrected") if key in binned]
        draw_response(
            panel, binned["edges"], {key.capitalize(): binned[key] for key in order}, _X_LABELS[name]
        )
        add_title(panel.main, f"Test {what}: half of the central 68 % / median")
    return figure
