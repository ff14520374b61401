"""Fitted against true selected signal of injected mixtures: the linearity of the whole chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import EmptyFileError
from resonaut.plot.ranking import line_of
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.plot.validation import Points, draw_linearity
from resonaut.review.figures.search_panels import of_kind
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw a row for each mixture and a panel for each selection efficiency, with a series per method."""
    path = inputs["linearity"]
    result = json_with(path, "kind", "entries")
    of_kind(result, "linearity", path)
    entries = result["entries"]
    if not entries:
        raise EmptyFileError(f"{path}: no mixture with injected signal whose truth is known.")
    names = sorted({entry["name"] for entry in entries})
    methods = sorted({entry["method"] for entry in entries})
    efficiencies = sorted({entry["efficiency"] for entry in entries}, reverse=True)
    rows = [Row((True,) * len(efficiencies), height=6.2, lower_share=0.3)] * len(names)
    figure, made = panels(rows, width=6.4)
    for row, name in zip(made, names, strict=True):
        for panel, efficiency in zip(row, efficiencies, strict=True):
            here = [e for e in entries if e["name"] == name and e["efficiency"] == efficiency]
            series = [
                _points(entry, *line_of(methods.index(entry["method"]), len(methods))) for entry in here
            ]
            place = f"{here[0]['low']:g}-{here[0]['high']:g} GeV" if here else ""
            note = f"{100 * efficiency:.3g} % of the side bands selected\n{place}"
            if series:
                draw_linearity(panel, series, ("True selected signal", "Fitted signal"), "events", note)
            add_title(panel.main, f"Mixture {name}")
    add_label(made[0][0].main, look)
    return figure


def _points(entry: Mapping[str, Any], colour: str, _: str) -> Points:
    columns = {
        key: np.array([point[key] for point in entry["points"]], float)
        for key in ("selected_signal", "fitted", "error")
    }
    found = entry["linearity"]
    slope = "" if found is None else rf": slope {found['slope']:.2f} $\pm$ {found['slope_error']:.2f}"
    y, error = columns["fitted"], columns["error"]
    return Points(
        f"{entry['method']}{slope}", colour, True, columns["selected_signal"], y, y - error, y + error
    )
