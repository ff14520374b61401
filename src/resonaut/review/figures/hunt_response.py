"""What variations of the signal change in a search: its efficiency by source, and its score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.plot.systematics import Changes, Ratio, Value, draw_changes, draw_ratios
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

N_SHOWN = 4
"""Windows, and variations of the score, that are drawn: those that change most."""
N_EVENTS_MIN = 10
"""Events in a bin of the score, below which its ratio is not drawn."""
_PER_CENT = 100.0


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw changes of the signal efficiency at nominal thresholds, and ratios of scores in one window."""
    result = json_with(
        inputs["response"], "taggers", "sources", "efficiencies", "method", "mixture", "dataset"
    )
    at = len(result["efficiencies"]) - 1
    windows = result["taggers"]
    shown = _largest({name: max(map(_distance, entry["varied"].values())) for name, entry in windows.items()})
    figure, [[changes, ratios]] = panels(
        [Row((False, False), height=max(5.5, 0.5 * len(result["sources"]) + 2.5), left=1.55)], width=6.2
    )
    entries = [
        _changes(name, series_colour(number, len(shown)), windows[name], result["sources"], at)
        for number, name in enumerate(shown)
    ]
    draw_changes(changes.main, entries, "Change of the signal efficiency [%]")
    worst = max(shown, key=lambda name: max(map(_distance, windows[name]["varied"].values())))
    entry = windows[worst]
    variations = _largest({name: _distance(one) for name, one in entry["varied"].items()})
    lines = [
        _ratio(name, series_colour(number, len(variations)), entry) for number, name in enumerate(variations)
    ]
    edges = np.array(entry["histograms"]["edges"])
    draw_ratios(ratios.main, edges, lines, r"$-\log_{10}$ (side-band efficiency)", "Varied / nominal, signal")
    add_label(changes.main, look)
    more = len(windows) - len(shown)
    text = f"windows in GeV, threshold of $\\epsilon_S = {result['efficiencies'][at]:g}$"
    add_title(changes.main, f"{text}; {more} more not shown" if more else text)
    add_title(ratios.main, f"{result['method']}, {worst} GeV, {entry['n_rows']['signal']} signal events")
    return figure


def _largest(of: Mapping[str, float]) -> list[str]:
    """Names with the largest values, in the order in which they came."""
    chosen = set(sorted(of, key=of.__getitem__, reverse=True)[:N_SHOWN])
    return [name for name in of if name in chosen]


def _distance(entry: Mapping[str, Any]) -> float:
    return entry["shape"]["signal"]["kolmogorov_smirnov"]["value"]


def _changes(
    name: str, colour: str, entry: Mapping[str, Any], sources: Mapping[str, list[str]], at: int
) -> Changes:
    found: dict[str, dict[str, Value]] = {}
    for source, variations in sources.items():
        sides = ("single",) if len(variations) == 1 else ("up", "down")
        values = [
            _value(entry["varied"][one]["at"][at]["fixed_threshold"]["signal_efficiency_change"])
            for one in variations
        ]
        found[source] = {side: value for side, value in zip(sides, values, strict=True) if value is not None}
    total = [_value(entry["total"]["signal_efficiency"][at][side]) for side in ("down", "up")]
    return Changes(name, colour, found, None if None in total else (total[0], total[1]))


def _value(entry: Mapping[str, float | None]) -> Value | None:
    if entry["value"] is None:
        return None
    return _PER_CENT * entry["value"], _PER_CENT * (entry["error"] or 0.0)


def _ratio(name: str, colour: str, entry: Mapping[str, Any]) -> Ratio:
    shape, n_events = entry["varied"][name]["shape"]["signal"], entry["n_rows"]["signal"]
    value, error = (np.array(shape[key], float) for key in ("ratio", "ratio_error"))
    few = np.minimum(shape["share"], entry["histograms"]["share"]["signal"]) * n_events < N_EVENTS_MIN
    return Ratio(name.replace("_", " "), colour, *(np.where(few, np.nan, side) for side in (value, error)))
