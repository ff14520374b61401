"""Generated rows beside held-out ones; what is drawn depends on the representation that was learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.images import BAR_MARGIN, draw_difference, draw_images
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.figures import generate_panels as shared
from resonaut.review.figures import generate_showers
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

FILLED_SHARE = 1e-5
"""Pixels with a smaller mean share of pt in held-out jets are left out of the comparison."""
_PER_ROW = 3
_N_OBSERVABLES = 9
_NAMES_MARGIN = 3.4
_WHAT = {"features": "rows"}


def relative_difference(generated: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Generated mean image over that of real jets, minus one; NaN where real jets have next to nothing.

    Args:
        generated, real: (P, P) mean images.
    """
    filled = real > FILLED_SHARE * real.sum()
    return np.where(filled, generated / np.where(filled, real, 1.0) - 1, np.nan)


def _draw_images(row: list[Any], images: Mapping[str, Any], method: str) -> None:
    real, made = (np.asarray(images[name], float) for name in ("real", "generated"))
    half_width = float(images["half_width"])
    draw_images([panel.main for panel in row[:2]], [real, made], half_width)
    difference = relative_difference(made, real)
    draw_difference(row[2].main, difference, half_width, "Generated / held-out - 1")
    titles = ("Held-out jets", f"Generated, {method}", "Ratio of means")
    for panel, text in zip(row, titles, strict=True):
        add_title(panel.main, text)


def _of_jets(evaluation: Mapping[str, Any], training: Mapping[str, Any], look: Look) -> Figure:
    """Mean images, observables with ratio panels, separations, classifiers, losses."""
    n_rows, method, dataset = (
        evaluation["n_rows"]["compared"],
        evaluation["method"],
        evaluation["datasets"][0],
    )
    what = _WHAT.get(evaluation["learn"], "jets")
    count = f"{n_rows:,}".replace(",", " ")
    words = (f"{dataset}: {count} held-out {what}", f"{method}: {count} generated", "Gen. / held-out")
    shown = list(evaluation["observables"].values())[:_N_OBSERVABLES]
    cut = [shown[start : start + _PER_ROW] for start in range(0, len(shown), _PER_ROW)]
    rows = [Row((True,) * _PER_ROW, height=5.4)] * len(cut)
    if evaluation["images"] is not None:
        rows = [Row((False,) * 3, right=BAR_MARGIN, square=True), *rows]
    rows += [Row((False,) * 3, left=_NAMES_MARGIN, height=5.4)]
    figure, grid = panels(rows, width=5.2)
    if evaluation["images"] is not None:
        _draw_images(grid[0], evaluation["images"], method)
    for line, entries in zip(grid[-1 - len(cut) : -1], cut, strict=True):
        for panel, entry in zip(line, entries, strict=False):
            shared.draw_observable(panel, entry, n_rows, words, look.colour(dataset), what)
        for panel in line[len(entries) :]:
            panel.main.set_axis_off()
            panel.lower.set_axis_off()
    shared.draw_separations(grid[-1][0].main, evaluation)
    shared.draw_areas(grid[-1][1].main, evaluation)
    shared.draw_history(grid[-1][2].main, training)
    add_label(grid[0][0].main, look)
    return figure


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw what `generate evaluate` and `generate train` wrote.

    Raises:
        InputError: a file is not theirs.
    """
    evaluation = json_with(inputs["evaluation"], "learn", "datasets", "observables", "classifier", "n_rows")
    training = json_with(inputs["training"], "history", "best_epoch")
    look = look.with_datasets(evaluation["datasets"])
    maker = generate_showers.draw if evaluation["learn"] == "showers" else _of_jets
    return maker(evaluation, training, look)
