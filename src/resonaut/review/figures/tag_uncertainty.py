"""How sure a tagger is: calibration or pulls, uncertainty against size or score, rows unlike the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.named_values import Named, draw_named
from resonaut.plot.style import Look, Panel, Row, add_label, add_title, panels, series_colour
from resonaut.plot.uncertainty import (
    Reliability,
    Series,
    draw_pulls,
    draw_reliabilities,
    draw_series,
    draw_told_apart,
)
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

WORDS = {
    "tagger": "Tagger as it is",
    "single": "One network",
    "ensemble": "Ensemble",
    "dropout": "MC dropout",
    "laplace": "Laplace, last layer",
    "bayesian": "Bayesian network",
    "none": "As trained",
    "scaled": "Widths scaled",
    "temperature": "Temperature",
    "platt": "Platt scaling",
    "isotonic": "Isotonic",
}
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES = ("-", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw calibration (or pulls), the uncertainty, and what it says of strange rows or of all methods."""
    result = json_with(inputs["uncertainty"], "methods", "sizes", "ood", "task", "name", "tagger", "n_rows")
    regression = result["task"] == "regression"
    if regression or not result["ood"]:
        n_lines = len(result["methods"])
        rows = [Row((not regression, False), height=5.0), Row((False,), height=1.0 + 0.6 * n_lines, left=2.7)]
        figure, [[first, second], [third]] = panels(rows, 5.6)
    else:
        figure, [[first, second, third]] = panels([Row((True, False, False), height=5.0)], 5.6)
    (_pulls if regression else _calibration)(result, first)
    _against(result, second)
    if regression:
        _widths(result, third)
    elif result["ood"]:
        _told_apart(result, third)
    else:
        _errors(result, third)
    add_label(first.main, look)
    add_title(second.main, f"{result['name']}: {result['tagger']}")
    add_title(third.main, f"{result['n_rows']['test']} test rows")
    return figure


def _look_of(result: dict[str, Any], name: str) -> tuple[str, str]:
    """Colour and marker of a method, the same in all panels."""
    number = list(result["methods"]).index(name)
    return series_colour(number, len(result["methods"])), _MARKERS[number % len(_MARKERS)]


def _calibration(result: dict[str, Any], panel: Panel) -> None:
    """Reliability of the tagger, as it is and after the first calibration."""
    found = result["methods"]["tagger"]["calibrations"]
    entries = []
    for number, name in enumerate(list(found)[:2]):
        error = found[name]["ece"]["equal_mass"]
        label = f"{WORDS[name]}: ECE ({100 * error['value']:.2f} ± {100 * error['standard']:.2f}) %"
        entries.append(
            Reliability(label, series_colour(2 * number), ("o", "s")[number], found[name]["reliability"])
        )
    binary = result["task"] == "binary"
    x_label = "Score" if binary else "Probability of the predicted class"
    draw_reliabilities(panel, entries, x_label, "Fraction of signal" if binary else "Fraction that is right")


def _pulls(result: dict[str, Any], panel: Panel) -> None:
    """Pulls of the first method, as they are and with scaled widths."""
    name = next((key for key in result["methods"] if key != "single"), "single")
    found = result["methods"][name]["pulls"]
    entries = []
    for number, kind in enumerate(("none", "scaled")):
        numbers = found[kind]
        label = (
            f"{WORDS[kind]}: {numbers['mean']:.2f}, {numbers['width']:.2f} ± {numbers['width_standard']:.2f}"
        )
        histogram = numbers["histogram"]
        y, standard = (np.array(histogram[key], float) for key in ("density", "standard"))
        entries.append(Series(label, series_colour(2 * number), ("o", "s")[number], y, y, standard))
    edges = np.array(found["none"]["histogram"]["edges"], float)
    draw_pulls(panel.main, entries, edges, f"Pull, {WORDS[name]} (mean, width)")


def _against(result: dict[str, Any], panel: Panel) -> None:
    """Epistemic uncertainty against the number of training rows; without any, against the score."""
    regression = result["task"] == "regression"
    unit = "of what is learnt" if regression else "[nat]"
    sizes = result["sizes"]
    if len(sizes) > 1 or regression:
        x = np.array([size["n_train"] for size in sizes], float)
        entries = [
            Series(WORDS[name], *_look_of(result, name), x, *_columns(sizes, name))
            for name in sizes[-1]["methods"]
        ]
        draw_series(
            *(panel.main, entries, "Training rows", f"Epistemic uncertainty {unit}"), log=(len(x) > 1, True)
        )
        return
    entries = []
    for name, entry in result["methods"].items():
        bins = entry["against_score"]
        columns = (np.array(bins[key], float) for key in ("score", "epistemic", "epistemic_standard"))
        entries.append(Series(WORDS[name], *_look_of(result, name), *columns))
    x_label = "Score" if result["task"] == "binary" else "Probability of the predicted class"
    draw_series(panel.main, entries, x_label, f"Epistemic uncertainty {unit}", log=(False, True))


def _columns(sizes: list[dict[str, Any]], name: str) -> tuple[np.ndarray, np.ndarray | None]:
    values = np.array([size["methods"][name]["epistemic"] for size in sizes], float)
    errors = [size["methods"][name].get("epistemic_standard") for size in sizes]
    return values, None if None in errors else np.array(errors, float)


def _told_apart(result: dict[str, Any], panel: Panel) -> None:
    """Strange rows against test rows, by the epistemic uncertainty of the method that tells them best."""
    entries = []
    for number, (label, entry) in enumerate(result["ood"].items()):
        best = max(entry["methods"], key=lambda name: entry["methods"][name]["epistemic"]["auc"])
        found = entry["methods"][best]["epistemic"]
        error = "" if found["auc_standard"] is None else f" ± {found['auc_standard']:.3f}"
        text = f"{label}, {WORDS[best]}: {found['auc']:.3f}{error}"
        x, y = (np.array(found["curve"][key], float) for key in ("usual", "strange"))
        colour = series_colour(number, len(result["ood"]))
        entries.append(Series(text, colour, _DASHES[number % len(_DASHES)], x, y))
    draw_told_apart(panel.main, entries, "Strange rows above the threshold")


def _errors(result: dict[str, Any], panel: Panel) -> None:
    """Expected calibration error of each method, as it is and after each calibration, with the floor."""
    entries = []
    for name, entry in result["methods"].items():
        for kind in list(entry["calibrations"])[:2]:
            error = entry["calibrations"][kind]["ece"]["equal_mass"]
            text = WORDS[name] if kind == "none" else f"with {WORDS[kind].lower()}"
            values = (100 * error[key] for key in ("value", "standard", "floor", "floor_standard"))
            entries.append(Named(text, *values, _look_of(result, name)[0]))
    words = ("Measured", "Right predictions")
    draw_named(panel.main, entries, "Expected calibration error [%]", words, limit=1.0)


def _widths(result: dict[str, Any], panel: Panel) -> None:
    """Width of the pulls of each method, as they are and scaled."""
    entries = []
    for name, entry in result["methods"].items():
        for kind, numbers in entry["pulls"].items():
            text = WORDS[name] if kind == "none" else "with scaled widths"
            values = numbers["width"], numbers["width_standard"]
            entries.append(Named(text, *values, colour=_look_of(result, name)[0]))
    draw_named(panel.main, entries, "Width of the pulls", ("Measured", ""), limit=1.0, limit_label="Right")
