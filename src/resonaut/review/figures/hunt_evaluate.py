"""What one search gains where the truth is known, what it does to the background, and what it selects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import EmptyFileError
from resonaut.plot.curves import draw_rejection
from resonaut.plot.histograms import Series, draw_histograms
from resonaut.plot.importance import draw_importance
from resonaut.plot.improvement import draw_gains
from resonaut.plot.ranking import line_of
from resonaut.plot.sculpting import Selected, draw_sculpting, draw_tests, shape
from resonaut.plot.style import PALETTE_6, Look, Panel, Row, add_label, add_title, panels
from resonaut.review.figures.detect import IMPORTANCE
from resonaut.review.figures.represent import FEATURES
from resonaut.review.figures.search_panels import (
    gain_of,
    numbers,
    of_kind,
    p_values_of,
    p_words,
    per_cent,
    power,
    range_words,
    rejection_of,
    with_interval,
)
from resonaut.review.figures.tag_panels import grouped
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

N_BANDS = 4
"""Curves with bands in one panel; of more only that of the window with most signal keeps its own."""
N_FEATURES_MAX = 16
_N_BESIDE, _LEFT = 4, 1.7
_WIDTHS = {1: 8.0, 2: 6.4, 3: 6.2, 4: 4.3}
"""Inches of a panel by the number of panels in the row with most: rows of three and four are equally wide."""
_KEYS = (
    "kind",
    "mixture",
    "method",
    "edges",
    "efficiencies",
    "confidence",
    "n_toys",
    "truth_window",
    "windows",
)


def _read(path: Path) -> dict[str, Any]:
    result = json_with(path, *_KEYS)
    of_kind(result, "evaluation", path)
    if not result["windows"]:
        raise EmptyFileError(f"{path}: no windows. Run `hunt evaluate` again.")
    return result


def _cut_words(result: Mapping[str, Any], chosen: list[int]) -> tuple[float, str]:
    """The least background efficiency of the curves, and the cut in words."""
    cuts = [result["windows"][number]["truth"]["false_positive_cut"] for number in chosen]
    least = min(cut["background_efficiency"] for cut in cuts)
    words = f"At least {cuts[0]['background_events']} background events"
    return least, words + (rf": $\epsilon_B \geq$ {power(least)}" if len(chosen) == 1 else "")


def _draw_truth(row: list[Panel], result: Mapping[str, Any], chosen: list[int]) -> None:
    """Gain against both efficiencies and the ROC of all windows with enough signal."""
    gains, curves = [], []
    for place, number in enumerate(chosen):
        window = result["windows"][number]
        truth, name = window["truth"], range_words(window["low"], window["high"])
        colour, dashes = line_of(place, len(chosen))
        best = truth["max_improvement"]
        label = f"{name}: max. {with_interval(best)}"
        banded = len(chosen) <= N_BANDS or number == result["truth_window"]
        band = ("improvement_low", "improvement_high") if banded else None
        gains.append(gain_of(truth["curve"], band, label, colour, dashes, best if banded else None))
        area = f"{name}: AUC {truth['auc']['value']:.3f}"
        curves.append(rejection_of(truth["curve"], area, colour, dashes))
    cut, note = _cut_words(result, chosen)
    draw_gains(row[0].main, gains, "background", cut=cut, note=note)
    draw_gains(row[1].main, gains, "signal", note=note)
    draw_rejection(row[2].main, curves)
    level = f"{100 * result['confidence']:g} % intervals of {result['n_bootstrap']} bootstrap replicas"
    add_title(row[0].main, f"{result['method']} in {result['mixture']}")
    add_title(row[1].main, level)
    most = result["windows"][chosen[0] if result["truth_window"] is None else result["truth_window"]]
    add_title(
        row[2].main,
        f"{grouped(most['n_signal'])} signal, {grouped(most['n_background'])} background events"
        + ("" if len(chosen) == 1 else f" in {range_words(most['low'], most['high'])}"),
    )


def _draw_shapes(panel: Panel, result: Mapping[str, Any], window: Mapping[str, Any]) -> None:
    """Spectrum of background before and after the selections of one window, over the bins that are used."""
    known = [entry for entry in window["sculpting"] if entry is not None]
    used = np.flatnonzero(np.isfinite(numbers(known[0]["before"])))
    part = slice(used[0], used[-1] + 1)
    edges = np.array(result["edges"], float)[used[0] : used[-1] + 2]
    selected = []
    for entry in known:
        values = [
            p_words(entry[test]["p_value"], result["n_toys"]) for test in ("kolmogorov_smirnov", "chi2")
        ]
        words = f"{per_cent(entry['efficiency'])} selected: $p$(KS) {values[0]}, $p$($\\chi^2$) {values[1]}"
        selected.append(Selected(words, np.nan_to_num(numbers(entry["after"])[part])))
    before = np.nan_to_num(numbers(known[0]["before"])[part])
    what = {"background": "Background, by its truth", "outside": "Events outside the signal region"}
    note = what[known[0]["events"]]
    draw_sculpting(panel, edges, before, selected, (window["low"], window["high"]), note)
    place = range_words(window["low"], window["high"])
    add_title(panel.main, f"{result['method']} in {result['mixture']}, {place}")


def _draw_tests(panel: Panel, result: Mapping[str, Any]) -> None:
    names = [range_words(window["low"], window["high"]) for window in result["windows"]]
    tests = p_values_of([window["sculpting"] for window in result["windows"]], result["efficiencies"])
    draw_tests(panel.main, names, tests, 1 / (result["n_toys"] + 1))
    add_title(panel.main, f"Sculpting, {grouped(result['n_toys'])} toys per test")


def _importances(result: Mapping[str, Any]) -> dict[str, np.ndarray]:
    found = [window["importance"] or {} for window in result["windows"]]
    features = sorted({name for values in found for name in values})
    return {name: numbers([values.get(name) for values in found]) for name in features}


def _draw_feature(panel: Panel, result: Mapping[str, Any], window: Mapping[str, Any], feature: str) -> None:
    """One feature of all events of the signal region and of the selected ones, each to unit area."""
    held = window["selected"][feature]
    region = "side_bands" if held["signal_region"] is None else "signal_region"
    edges = np.array(result["features"][feature], float)
    reference = shape(edges, np.array(held[region]["all"], float))
    series = [Series(reference, "All", "#9c9ca1", "fill")]
    for number, (efficiency, counts) in enumerate(
        zip(result["efficiencies"], held[region]["selected"], strict=True)
    ):
        total = int(np.sum(counts))
        # A selection of everything would hide the others.
        if 0 < total < np.sum(held[region]["all"]):
            label = f"{per_cent(efficiency)}: {grouped(total)} events"
            colour = (PALETTE_6[2], PALETTE_6[0], *PALETTE_6[3:])[number % 5]
            series.append(Series(shape(edges, np.array(counts, float)), label, colour, "points"))
    symbol, unit = FEATURES.get(feature, (feature.replace("_", " "), ""))
    draw_histograms(panel, series, f"{symbol} [{unit}]" if unit else symbol, "Share of events / bin")
    where = {"signal_region": "Signal region", "side_bands": "Side bands (blind)"}[region]
    add_title(panel.main, f"{where} {range_words(window['low'], window['high'])}")


def _rows(result: Mapping[str, Any], window: Mapping[str, Any], chosen: list[int]) -> dict[str, list[Any]]:
    """What is drawn in each row: names of panels, none where nothing is known."""
    sculpted = any(entry is not None for entry in window["sculpting"])
    middle = ["shapes"] if sculpted else []
    middle += ["tests"] if sculpted and len(result["windows"]) > 1 else []
    middle += ["importance"] if _importances(result) else []
    features = sorted(window["selected"] or {})[:N_FEATURES_MAX]
    return {"truth": [0, 1, 2] if chosen else [], "middle": middle, "features": features}


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw gain and ROC of all windows, and sculpting, importances and features of one.

    That one is the window with most signal where the truth is known, otherwise the first.

    Raises:
        InputError: not the file of `hunt evaluate`.
        EmptyFileError: nothing in it can be drawn.
    """
    path = inputs["evaluation"]
    result = _read(path)
    chosen = [number for number, window in enumerate(result["windows"]) if window["truth"] is not None]
    window = result["windows"][result["truth_window"] or 0]
    wanted = _rows(result, window, chosen)
    features = wanted["features"]
    n_lines = -(-len(features) // _N_BESIDE)
    rows = [Row((False,) * 3, height=5.6)] if chosen else []
    if wanted["middle"]:
        shapes = tuple(name == "shapes" for name in wanted["middle"])
        rows.append(Row(shapes, height=5.8, left=_LEFT))
    rows += [
        Row((False,) * len(part), height=3.9) for part in np.array_split(features, n_lines or 1) if len(part)
    ]
    if not rows:
        raise EmptyFileError(f"{path}: no truth, no sculpting test and no features to draw.")
    figure, made = panels(rows, _WIDTHS[max(len(row.lower) for row in rows)])
    add_label(made[0][0].main, look)
    if chosen:
        _draw_truth(made.pop(0), result, chosen)
    if wanted["middle"]:
        for name, panel in zip(wanted["middle"], made.pop(0), strict=True):
            if name == "shapes":
                _draw_shapes(panel, result, window)
            elif name == "tests":
                _draw_tests(panel, result)
            else:
                draw_importance(panel.main, _importances(result), IMPORTANCE)
                n_windows = sum(bool(entry["importance"]) for entry in result["windows"])
                add_title(panel.main, f"Mean of {n_windows} windows" if n_windows > 1 else "")
    for feature, panel in zip(features, [panel for row in made for panel in row], strict=True):
        _draw_feature(panel, result, window, feature)
    return figure
