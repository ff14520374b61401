"""Stability of a tagger: its error against the number of training rows, and of folds and seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.learning_curve import Law, Points, draw_folds, draw_learning_curve
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

WORDS = {
    "loss": "Cross-entropy [nat]",
    "auc": r"$1 - \mathrm{AUC}$",
    "rejection": r"Background efficiency $\epsilon_B$",
    "accuracy": r"$1 - \mathrm{accuracy}$",
    "absolute_error": "Mean absolute error",
}


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the learning curve with its power law, and the folds."""
    result = json_with(
        inputs["stability"], "name", "tagger", "metric", "sizes", "folds", "power_laws", "n_rows"
    )
    name = result["metric"]
    words = WORDS[name]
    if name == "rejection":
        words += rf" at $\epsilon_S = {result['signal_efficiency']:g}$"
    figure, [[left, right]] = panels([Row((False, False), height=5.4)], width=6.2)
    draw_learning_curve(left.main, _points(result, name), _law(result, name), words)
    last = result["sizes"][-1]["quantities"][name]
    folds = result["folds"].get(name, {"values": [], "standard": []})
    values, standard = (np.array(folds[key], float) for key in ("values", "standard"))
    spreads = last["test_statistical"], last["seeds_spread"]
    draw_folds(right.main, values, standard, last["test"], spreads, words)
    add_label(left.main, look)
    add_title(left.main, f"{result['name']}: {result['tagger']}, {result['n_seeds']} seeds")
    add_title(right.main, f"{result['n_rows']['test']} test rows; {result['n_rows']['train']} training rows")
    return figure


def _points(result: dict[str, Any], name: str) -> list[Points]:
    sizes = [size["quantities"][name] for size in result["sizes"]]
    x = np.array([size["n_train"] for size in result["sizes"]], float)
    test, spread, training, statistical = (
        np.array([size[key] for size in sizes], float)
        for key in ("test", "seeds_spread", "training", "training_statistical")
    )
    of_mean = spread / np.sqrt(result["n_seeds"])
    common = sizes[-1]["test_statistical"]
    label = f"Test rows (± {common:.2g} in common)"
    return [
        Points(label, series_colour(0), "o", x, test, of_mean),
        Points("Training rows", series_colour(1), "s", x, training, statistical),
    ]


def _law(result: dict[str, Any], name: str) -> Law | None:
    law = result["power_laws"][name]
    if law is None:
        return None
    curve = {key: np.array(values, float) for key, values in law["curve"].items()}
    exponent = law["exponent"]
    if law["status"] == "converged":
        up, down = exponent["upper"] - exponent["value"], exponent["value"] - exponent["lower"]
        told = rf"$b = {exponent['value']:.2f}^{{+{up:.2f}}}_{{-{down:.2f}}}$"
    else:
        told = law["status"]
    label = rf"$L_\infty + a\,n^{{-b}}$: {told}"
    columns = (curve[key] for key in ("n", "value", "lower", "upper"))
    return Law(label, *columns, known=float(result["sizes"][-1]["n_train"]))
