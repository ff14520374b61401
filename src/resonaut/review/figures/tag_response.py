"""Systematic response: rejections of taggers by source, and the scores of one of them by variation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.plot.systematics import Changes, Ratio, Value, draw_changes, draw_ratios
from resonaut.review.reading import json_with
from resonaut.stats.response import log_odds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

N_VARIATIONS = 4
"""Variations whose ratios are drawn: those that change the score most."""
N_ROWS_MIN = 10
"""Rows in a bin, below which its ratio is not drawn."""
_PER_CENT = 100.0


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw changes of the rejection by source, and ratios of scores of the first tagger."""
    result = json_with(inputs["response"], "taggers", "sources", "efficiencies", "variations", "name")
    # The last efficiency has the most background events behind it.
    at = len(result["efficiencies"]) - 1
    taggers = result["taggers"]
    n_rows = len(result["sources"]) + 1
    figure, [[changes, background, signal]] = panels(
        [Row((False, False, False), height=max(5.5, 0.42 * n_rows + 1.5), left=1.55)], width=5.2
    )
    entries = [
        _changes(name, series_colour(number, len(taggers)), entry, result, at)
        for number, (name, entry) in enumerate(taggers.items())
    ]
    draw_changes(changes.main, entries, "Change of the background rejection [%]")
    name, first = next(iter(taggers.items()))
    edges, x_label = np.array(first["histograms"]["edges"]), f"Score of {name}"
    if 0 < edges[0] < edges[-1] < 1:
        edges, x_label = log_odds(edges), f"ln(s / (1 - s)), s: score of {name}"
    shown = _largest(first)
    for panel, what in ((background, "background"), (signal, "signal")):
        ratios = [
            _ratio(variation, series_colour(number, len(shown)), first, what)
            for number, variation in enumerate(shown)
        ]
        draw_ratios(panel.main, edges, ratios, x_label, f"Varied / nominal, {what}")
    add_label(changes.main, look)
    add_title(changes.main, rf"$\epsilon_S = {result['efficiencies'][at]:g}$")
    more = len(first["varied"]) - len(shown)
    for panel, what in ((background, "background"), (signal, "signal")):
        text = f"{first['n_rows'][what]} rows of {what}"
        add_title(panel.main, f"{text}; {more} smaller variations not shown" if more else text)
    return figure


def _changes(name: str, colour: str, entry: Mapping[str, Any], result: Mapping[str, Any], at: int) -> Changes:
    sources: dict[str, dict[str, Value]] = {}
    for source, variations in result["sources"].items():
        found = {}
        for number, variation in enumerate(variations):
            side = "single" if len(variations) == 1 else ("up", "down")[number]
            value = _value(entry["varied"][variation]["at"][at]["rejection_change"])
            if value is not None:
                found[side] = value
        sources[source] = found
    sides = [_value(entry["total"]["rejection"][at][side]) for side in ("down", "up")]
    total = None if None in sides else (sides[0], sides[1])
    return Changes(name, colour, sources, total)


def _value(entry: Mapping[str, float | None]) -> Value | None:
    if entry["value"] is None:
        return None
    return _PER_CENT * entry["value"], _PER_CENT * (entry["error"] or 0.0)


def _largest(entry: Mapping[str, Any]) -> list[str]:
    """Variations that change the score most, by the Kolmogorov-Smirnov distance, in alphabetical order."""

    def distance(name: str) -> float:
        shape = entry["varied"][name]["shape"]
        return max(shape[what]["kolmogorov_smirnov"]["value"] for what in shape)

    return sorted(sorted(entry["varied"], key=distance, reverse=True)[:N_VARIATIONS])


def _ratio(name: str, colour: str, entry: Mapping[str, Any], what: str) -> Ratio:
    shape, n_rows = entry["varied"][name]["shape"][what], entry["n_rows"][what]
    value, error = (np.array(shape[key], float) for key in ("ratio", "ratio_error"))
    shares = np.minimum(shape["share"], entry["histograms"]["share"][what])
    few = shares * n_rows < N_ROWS_MIN
    return Ratio(name.replace("_", " "), colour, *(np.where(few, np.nan, side) for side in (value, error)))
