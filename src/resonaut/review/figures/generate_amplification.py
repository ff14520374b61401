"""How many true events generated ones are worth: quantile errors, and equivalent sample factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.amplification import Errors, Factors, draw_errors, draw_factors
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

WORDS = {"sample": "True sample", "gan": "GAN", "flow": "Flow"}
_FITTED = "0.35"


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the errors by the finest quantiles, and the factors of all."""
    result = json_with(inputs["errors"], "quantiles", "distribution", "n_training", "repetitions", "name")
    entries = result["quantiles"]
    finest = entries[-1]
    names = list(finest["curves"])
    colours = {name: series_colour(number, len(names)) for number, name in enumerate(names)}
    figure, [[left, right]] = panels([Row((False, False), height=5.8)], width=6.4)
    curves = [_errors(WORDS[name], colours[name], own) for name, own in finest["curves"].items()]
    true = finest["curves"]["sample"]
    expected = Errors(
        *("True sample, expected", colours["sample"]),
        *(np.array([point[key] for point in true]) for key in ("size", "expected", "expected")),
    )
    fit = finest["fit"]
    line = Errors("Fit", _FITTED, *(np.array([fit[key]]) for key in ("size", "error", "error_standard")))
    draw_errors(left.main, curves, expected, line, result["n_training"])
    kinds = {"Fit": (_FITTED, [entry["fit"] for entry in entries])}
    kinds |= {
        WORDS[name]: (colours[name], [entry["generators"][name] for entry in entries])
        for name in finest["generators"]
    }
    n_cells = np.array([entry["n_cells"] for entry in entries])
    draw_factors(
        right.main,
        [
            Factors(
                *(label, colour, n_cells),
                *(np.array([one[key] for one in own]) for key in ("factor", "factor_standard")),
            )
            for label, (colour, own) in kinds.items()
        ],
    )
    add_label(left.main, look)
    add_title(left.main, f"{finest['n_cells']} quantiles")
    add_title(
        right.main, f"{result['name']}: {result['n_training']} points, {result['repetitions']} repetitions"
    )
    return figure


def _errors(label: str, colour: str, points: list[dict[str, Any]]) -> Errors:
    columns = (np.array([point[key] for point in points]) for key in ("size", "error", "error_standard"))
    return Errors(label, colour, *columns)
