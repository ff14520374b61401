"""All taggers of a study on the same rows: ROC curves, their ratios to the best, a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import InputError
from resonaut.plot.curves import Curve
from resonaut.plot.intervals import clopper_pearson
from resonaut.plot.ranking import SPECIAL, Ranked, draw_ranking, draw_table, line_of
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.figures.tag_binary import MIN_BACKGROUND
from resonaut.review.figures.tag_panels import grouped
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

_HEAD = ("Tagger", "Parameters", "AUC", "Accuracy", r"1/$\epsilon_B$ (30 %)", r"1/$\epsilon_B$ (50 %)")
_OTHER_HEAD = ("Tagger", "Parameters", "Mean AUC of pairs", "Accuracy", "Resolution", "Gain")
_WIDTHS = (0.22, 0.12, 0.18, 0.11, 0.2, 0.17)
_N_LINES = 24


def curve_of(entry: Mapping[str, Any], n_background: int, colour: str) -> Curve:
    """The ROC curve of one row of the comparison with its binomial band, where enough background passes."""
    efficiency, passed = (np.array(entry["curve"][key]) for key in ("signal_efficiency", "background_passed"))
    kept = passed >= min(MIN_BACKGROUND, n_background)
    lower, upper = clopper_pearson(passed[kept], n_background)
    return Curve(entry["name"], colour, efficiency[kept], n_background / passed[kept], 1 / upper, 1 / lower)


def _rejection(entry: Mapping[str, Any], wanted: str) -> str:
    point = entry["rejection"][wanted]
    if point["rejection"] is None:
        return "none passes"
    digits = 0 if point["error"] >= 2 else 1
    text = f"{point['rejection']:.{digits}f} $\\pm$ {point['error']:.{digits}f}"
    of_seeds = ((entry.get("spread") or {}).get("rejection") or {}).get(wanted) or {}
    deviation = of_seeds.get("standard_deviation")
    return text if deviation is None else f"{text} ({deviation:.{digits}f})"


def words(entry: Mapping[str, Any]) -> list[str]:
    """Cells of one row of the table."""
    size = entry.get("n_parameters")
    error = entry["auc_error"]
    area = f"{entry['auc']:.4f}" + ("" if error is None else f" $\\pm$ {error:.4f}")
    points = [_rejection(entry, wanted) for wanted in entry["rejection"]]
    return [entry["name"], "" if size is None else grouped(size), area, f"{entry['accuracy']:.4f}", *points]


def _ranked(result: Mapping[str, Any]) -> list[Ranked]:
    """Lines in the order of the table; single taggers take their colours by name, so that they keep them."""
    names = sorted(entry["name"] for entry in result["taggers"] if "n_taggers" not in entry)
    lines = {name: line_of(number, len(names)) for number, name in enumerate(names)}
    found = []
    for entry in result["taggers"]:
        colour, dashes = lines.get(entry["name"], (SPECIAL, "-"))
        found.append(Ranked(curve_of(entry, result["n_background"], colour), dashes))
    return found


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def other_words(entry: Mapping[str, Any]) -> list[str]:
    """Cells of a tagger of several classes, or of a regression."""
    size = entry.get("n_parameters")
    classes = [_number(entry.get("auc")), _number(entry.get("accuracy"))]
    values = [_number(entry.get("resolution")), _number((entry.get("gain") or {}).get("resolution"), 3)]
    return [entry["name"], "" if size is None else grouped(size), *classes, *values]


def _table_only(result: Mapping[str, Any], look: Look) -> Figure:
    rows = [other_words(entry) for entry in (*result["classes"], *result["regression"])]
    figure, [[table]] = panels([Row((False,), height=6.6)], width=9.0)
    draw_table(table.main, _OTHER_HEAD, rows, [None] * len(rows), _WIDTHS)
    add_label(table.main, look)
    return figure


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the curves, sorted by AUC, and the table.

    Where no tagger tells signal from background, there is a table only.

    Raises:
        InputError: no comparison, or more taggers than lines that differ.
    """
    path = inputs["comparison"]
    result = json_with(path, "classes", "regression")
    if "taggers" not in result:
        return _table_only(result, look)
    result = json_with(path, "taggers", "n_common", "n_background", "rows", "datasets")
    if len(result["taggers"]) > _N_LINES:
        raise InputError(f"{path}: {len(result['taggers'])} taggers; at most {_N_LINES} can be told apart.")
    ranked = _ranked(result)
    figure, [[curves, table]] = panels([Row((True, False), height=6.6, lower_share=0.36)], width=9.0)
    draw_ranking(curves, ranked)
    add_label(curves.main, look)
    kinds = {
        kind: ", ".join(name for name, own in result["datasets"].items() if own == kind)
        for kind in ("signal", "background")
    }
    add_title(curves.main, f"{kinds['signal']} against {kinds['background']}")
    draw_table(table.main, _HEAD, [words(entry) for entry in result["taggers"]], ranked, _WIDTHS)
    add_title(
        table.main,
        f"{grouped(result['n_common'])} common test {result['rows']}, errors of these (deviation over seeds)",
    )
    return figure
