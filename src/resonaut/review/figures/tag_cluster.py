"""Hits of two overlapping showers: energy that stands with its own, and resolution, against the distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.separation import Separation, draw_separation
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

WORDS = {"gravnet": "GravNet", "nearest_axis": "Nearest axis (told the true axes)", "k_means": "k-means"}
_MARKERS = {"gravnet": "o", "nearest_axis": "s", "k_means": "^"}


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the shares of energy rightly assigned, and the resolutions."""
    result = json_with(inputs["separation"], "methods", "name", "n_pairs", "n_hits")
    figure, [[left, right]] = panels([Row((False, False), height=5.0)], width=6.0)
    titles = {"assigned": "Share of the energy with its own shower", "resolution": "Resolution of the energy"}
    for panel, (key, title) in zip((left, right), titles.items(), strict=True):
        entries = [
            _entry(name, series_colour(number, len(result["methods"])), bins, key)
            for number, (name, bins) in enumerate(result["methods"].items())
        ]
        draw_separation(panel.main, entries, title)
    add_label(left.main, look)
    add_title(left.main, f"{result['name']}: {result['n_pairs']['test']} pairs")
    add_title(right.main, f"{result['n_hits']:.0f} hits in a pair")
    return figure


def _entry(name: str, colour: str, bins: list[dict[str, Any]], key: str) -> Separation:
    columns = (
        np.array([np.nan if entry[column] is None else entry[column] for entry in bins])
        for column in ("low", "high", key, f"{key}_standard")
    )
    return Separation(WORDS[name], colour, _MARKERS[name], *columns)
