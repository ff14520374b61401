"""Toys of one search, a row per selection: linearity, pulls and coverage by injected signal, goodness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import EmptyFileError
from resonaut.plot.style import Look, Panel, Row, add_label, add_title, panels, series_colour
from resonaut.plot.validation import (
    N_SINGLE,
    Points,
    Probabilities,
    draw_coverage,
    draw_goodness,
    draw_linearity,
    draw_pull_histogram,
    draw_pulls,
    summary,
)
from resonaut.review.figures.search_panels import of_kind
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

_KEYS = ("kind", "mixture", "method", "confidence_level", "interval_level", "pull_edges", "windows")

Content = Mapping[str, Any]


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw a row of panels for each selection efficiency, the loosest first."""
    result = _read(inputs["validation"])
    done = [entry for entry in result["windows"] if _fitted(entry)]
    efficiencies = sorted({entry["selection_efficiency"] for entry in done}, reverse=True)
    fits = [_goodness(result["windows"], efficiency) for efficiency in efficiencies]
    lower = (True, True, True, False, *((False,) if any(fits) else ()))
    rows = [Row(lower, height=5.4, lower_share=0.38, left=1.25)] * len(efficiencies)
    figure, made = panels(rows, width=5.4)
    for row, efficiency, tested in zip(made, efficiencies, fits, strict=True):
        _draw_row(row, result, [entry for entry in done if entry["selection_efficiency"] == efficiency])
        add_title(row[1].main, f"{result['method']} in {result['mixture']}")
        add_title(row[2].main, f"{100 * efficiency:.3g} % of the side bands selected")
        if any(fits):
            _draw_goodness(row[4], tested)
    add_label(made[0][0].main, look)
    return figure


def _read(path: Path) -> dict[str, Any]:
    result = json_with(path, *_KEYS)
    of_kind(result, "validation", path)
    if not any(_fitted(entry) for entry in result["windows"]):
        raise EmptyFileError(f"{path}: no window has toys that could be fitted. See `failed` of its windows.")
    return result


def _fitted(entry: Content) -> bool:
    """Whether toys of the function that fits were fitted."""
    return bool(entry["truths"]) and any(row["fitted"] for row in entry["truths"][0]["strengths"])


def _draw_row(row: list[Panel], result: Content, entries: list[Content]) -> None:
    n_toys = max(strength["n_toys"] for entry in entries for strength in entry["truths"][0]["strengths"])
    note = f"Toys of {_words(entries[0]['truths'][0])}"
    others = [_words(truth) for truth in entries[0]["truths"] if not truth["own"]]
    if others and len(entries) <= N_SINGLE:
        note += f"\nOpen: toys of {', '.join(others)}"
    labels = ("Injected signal", "Mean fitted signal")
    draw_linearity(row[0], _series(entries, _points, "fitted", "mean"), labels, r"$\sigma$", note)
    means, widths = (_series(entries, _points, "pull", name) for name in ("mean", "width"))
    draw_pulls(row[1], means, widths, n_toys)
    limits, intervals = (
        [points for points in _series(entries, _covered, name) if points.filled]
        for name in ("limit", "interval")
    )
    draw_coverage(row[2], limits, intervals, (result["confidence_level"], result["interval_level"]), n_toys)
    _draw_histogram(row[3], result, [entry["truths"][0] for entry in entries])


def _series(entries: list[Content], make: Callable[..., Points], *names: str) -> list[Points]:
    """Points of every window and truth; of many windows median and range for each truth."""
    by_truth: dict[int, list[Points]] = {}
    for number, entry in enumerate(entries):
        colour = series_colour(number, len(entries))
        for place, truth in enumerate(entry["truths"]):
            if truth["failed"] is None:
                by_truth.setdefault(place, []).append(make(entry, truth, colour, *names))
    if len(entries) <= N_SINGLE:
        return [points for series in by_truth.values() for points in series]
    truths = entries[0]["truths"]
    return [
        summary(
            series, f"{_words(truths[place])}: median, range of {len(series)} windows", series_colour(place)
        )
        for place, series in sorted(by_truth.items())
    ]


def _words(truth: Content) -> str:
    """The function and its number of parameters, where it is known."""
    n_parameters = truth["n_parameters"]
    return truth["function"] if n_parameters is None else f"{truth['function']} ({n_parameters})"


def _points(entry: Content, truth: Content, colour: str, kind: str, name: str) -> Points:
    """A number of each strength with its error; signals in standard deviations."""
    scale = entry["sigma"] if kind == "fitted" else 1.0
    error = "error" if kind == "fitted" else f"{name}_error"
    values, errors = (
        np.array([np.nan if row[kind] is None else row[kind][key] / scale for row in truth["strengths"]])
        for key in (name, error)
    )
    label = f"{entry['low']:g}-{entry['high']:g} GeV" if truth["own"] else ""
    return Points(
        label, colour, truth["own"], _injected(entry, truth), values, values - errors, values + errors
    )


def _covered(entry: Content, truth: Content, colour: str, kind: str) -> Points:
    values = np.array(
        [
            [np.nan] * 3 if row[kind] is None else [row[kind][key] for key in ("coverage", "low", "high")]
            for row in truth["strengths"]
        ]
    )
    return Points("", colour, truth["own"], _injected(entry, truth), *values.T)


def _injected(entry: Content, truth: Content) -> np.ndarray:
    return np.array([row["injected"] for row in truth["strengths"]]) / entry["sigma"]


def _draw_histogram(panel: Panel, result: Content, truths: list[Content]) -> None:
    """The pulls of all windows and strengths, with their mean and width."""
    pulls = [row["pull"] for truth in truths for row in truth["strengths"] if row["pull"] is not None]
    weights = np.array([sum(pull["histogram"]) for pull in pulls], float)
    means, widths = (np.array([pull[name] for pull in pulls]) for name in ("mean", "width"))
    mean = float(np.average(means, weights=weights))
    width = float(np.average(widths**2 + (means - mean) ** 2, weights=weights) ** 0.5)
    counts = np.sum([pull["histogram"] for pull in pulls], axis=0)
    draw_pull_histogram(panel.main, np.array(result["pull_edges"]), counts, mean, width)
    add_title(panel.main, "All windows and signals")


def _goodness(entries: list[Content], efficiency: float) -> list[tuple[float, Content]]:
    """Middle of the window and goodness of its fit, where it is known."""
    return [
        ((entry["low"] + entry["high"]) / 2, entry["goodness"])
        for entry in entries
        if entry["selection_efficiency"] == efficiency and entry.get("goodness")
    ]


def _draw_goodness(panel: Panel, tested: list[tuple[float, Content]]) -> None:
    """The goodness of every window's fit to the side bands; no plot where none is known."""
    if not tested:
        panel.main.set_axis_off()
        return
    mass = np.array([middle for middle, _ in tested])
    p, error, ks_p, ks_error, chi2 = (
        np.array([result[name] for _, result in tested])
        for name in ("p", "error", "ks_p", "ks_error", "p_chi2")
    )
    n_toys = max(result["n_toys"] for _, result in tested)
    series = [
        Probabilities(f"Deviance, {n_toys} toys", p, error),
        Probabilities("Deviance, chi-squared", chi2),
        Probabilities("Kolmogorov-Smirnov distance, toys", ks_p, ks_error),
    ]
    draw_goodness(panel.main, mass, series)
    add_title(panel.main, "Background fits")
