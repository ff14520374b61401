"""What is learnt from mixed samples: the AUC against the difference of their fractions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.learning_curve import Points
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.plot.weak_supervision import draw_aucs, draw_mixed
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

WORDS = {
    "full": "Labels",
    "cwola": "CWoLa",
    "llp": "Label proportions",
    "equivalent": r"Labels, $(f_1 - f_2)^2$ of the rows",
}
_MARKERS = {"full": "o", "cwola": "s", "llp": "^", "equivalent": "D"}


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the AUC of signal from background, and that of sample from sample."""
    result = json_with(inputs["weak"], "name", "tagger", "mixtures", "n_test", "n_seeds")
    mixtures = sorted(result["mixtures"], key=lambda entry: entry["difference"])
    names = [name for name in WORDS if any(name in entry["methods"] for entry in mixtures)]
    figure, [[left, right]] = panels([Row((False, False), height=5.4)], width=6.2)
    full = [entry["methods"]["full"] for entry in mixtures]
    mean = float(np.mean([one["auc"] for one in full]))
    draw_aucs(
        left.main,
        [_points(mixtures, name, lambda one: (one["auc"], _of_seeds(one))) for name in names],
        (mean, float(np.mean([one["statistical"] for one in full]))),
    )
    draw_mixed(
        right.main,
        [
            _points(mixtures, name, lambda one: (one["mixed"]["auc"], one["mixed"]["standard"]))
            for name in names
        ],
        mean,
    )
    rows = mixtures[0]["n_rows"]["training"]
    add_label(left.main, look)
    add_title(left.main, f"{result['name']}: {result['tagger']}, {result['n_seeds']} seeds")
    add_title(right.main, f"{rows} training rows; {sum(result['n_test'].values())} test rows")
    return figure


def _of_seeds(found: dict[str, Any]) -> float:
    return found["seeds_spread"] / len(found["values"]) ** 0.5


def _points(mixtures: list[dict[str, Any]], name: str, pair: Any) -> Points:
    there = [entry for entry in mixtures if name in entry["methods"]]
    x = np.array([entry["difference"] for entry in there], float)
    value, standard = np.array([pair(entry["methods"][name]) for entry in there], float).T
    return Points(WORDS[name], series_colour(list(WORDS).index(name)), _MARKERS[name], x, value, standard)
