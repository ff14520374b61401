"""What score and latent units know of observables, and what is left beyond them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.correlation import draw_correlation
from resonaut.plot.images import BAR_MARGIN
from resonaut.plot.named_series import MARKERS, Series, draw_named_series
from resonaut.plot.style import Look, Row, add_label, add_legend, add_title, panels, series_colour
from resonaut.review.figures.explain_words import rows_of, symbol

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NUMBERS = {"spearman": "Spearman", "distance": "Distance correlation", "information": "Information [bits]"}


def draw(result: dict[str, Any], look: Look) -> Figure:
    """Draw associations with the score, ranks of latent units, and the guided search."""
    score, units = result["score"], result["units"]
    names = sorted(score, key=lambda name: -score[name]["all"]["distance"]["value"])
    n_panels = 3 if units else 2
    row = Row((False,) * n_panels, height=max(5.2, 0.42 * len(names)), left=1.9, right=BAR_MARGIN)
    figure, [made] = panels([row], width=5.6)
    words = [symbol(name) for name in names]
    series = [
        Series(
            label,
            series_colour(number),
            MARKERS[number],
            *(np.array([score[name]["all"][key][one] for name in names]) for one in ("value", "standard")),
        )
        for number, (key, label) in enumerate(_NUMBERS.items())
    ]
    draw_named_series(made[0].main, words, series, "Association with the log odds")
    add_label(made[0].main, look)
    if units:
        values = np.array([units["spearman"][name] for name in ("score", *names)])
        columns = [str(number) for number in units["numbers"]]
        draw_correlation(made[1].main, values, ["score", *words], columns, "Correlation of ranks")
        made[1].main.set_xlabel("Number of the latent unit")
    _steps(made[-1].main, result)
    add_title(made[-1].main, rows_of(result))
    return figure


def _steps(axes: Axes, result: dict[str, Any]) -> None:
    """AUC and decision ordering of trees with one observable after the other."""
    steps = result["guided"]
    places = np.arange(1, len(steps) + 1)
    for number, (key, label) in enumerate((("ado", "ADO with the tagger"), ("auc", "AUC of trees"))):
        values, errors = ([step[key][one] for step in steps] for one in ("value", "standard"))
        axes.errorbar(
            places,
            values,
            errors,
            fmt=f"{MARKERS[number]}-",
            color=series_colour(number),
            label=label,
            ms=6,
            lw=1.3,
        )
    own = result["auc"]
    axes.axhspan(
        own["value"] - own["standard"],
        own["value"] + own["standard"],
        color="0.8",
        lw=0,
        label="AUC of the tagger",
    )
    axes.set_xticks(places, [f"+ {symbol(step['observable'])}" for step in steps], fontsize=13)
    axes.minorticks_off()
    low = min(min(step[key]["value"] - step[key]["standard"] for step in steps) for key in ("ado", "auc"))
    axes.set_ylim(low - 0.1 * (1 - low), 1.0)
    axes.set_xlim(0.5, len(steps) + 0.5)
    axes.set_xlabel("Observables of the guided search")
    axes.set_ylabel("Share of pairs of jets")
    left = result["residual"]["variance"]
    share = f"{100 * left['value']:.1f} $\\pm$ {100 * left['standard']:.1f} %"
    axes.text(
        *(0.96, 0.04, f"All observables leave {share}\nof the variance of the log odds"),
        transform=axes.transAxes,
        ha="right",
        fontsize=12,
    )
    add_legend(axes)
