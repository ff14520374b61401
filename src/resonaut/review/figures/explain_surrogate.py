"""Formulae that decide alike: how well, and against the tagger jet by jet."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.curves import Curve, draw_rejection
from resonaut.plot.images import BAR_MARGIN
from resonaut.plot.latent_space import draw_density
from resonaut.plot.named_series import MARKERS, Series, draw_named_series
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.figures.explain_words import rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NUMBERS = {"r_squared": r"$R^2$ of the log odds", "ado": "ADO with the tagger", "auc": "AUC"}
_WIDTH = 58


def draw(result: dict[str, Any], look: Look) -> Figure:
    """Draw fidelity, ROC curves, and the log odds of the best formula against the tagger's."""
    surrogates = result["surrogates"]
    figure, [made] = panels([Row((False,) * 3, height=5.4, left=1.6, right=BAR_MARGIN)], width=5.4)
    names = list(surrogates)
    series = [
        Series(
            label,
            series_colour(number),
            MARKERS[number],
            *(np.array([surrogates[name][key][one] for name in names]) for one in ("value", "standard")),
        )
        for number, (key, label) in enumerate(_NUMBERS.items())
    ]
    draw_named_series(made[0].main, names, series, "Fidelity on jets that were not fitted")
    low = min(float((one.value - one.standard).min()) for one in series)
    made[0].main.set_xlim(low - 0.15 * (1 - low), 1 + 0.02 * (1 - low))
    add_label(made[0].main, look)
    efficiency = np.array(result["efficiencies"])
    curves = [_curve("tagger", "black", efficiency, result["roc"], result["auc"])]
    curves += [
        _curve(name, series_colour(number), efficiency, one["roc"], one["auc"])
        for number, (name, one) in enumerate(surrogates.items())
    ]
    draw_rejection(made[1].main, curves)
    best = max(names, key=lambda name: surrogates[name]["r_squared"]["value"])
    shown = "symbolic" if "symbolic" in names else best
    density = result["density"][shown]
    axes = made[2].main
    draw_density(axes, np.array(density["counts"]), np.array(density["edges"]), "Jets")
    axes.set_xlabel(f"Log odds of {result['tagger']}")
    axes.set_ylabel(f"Log odds of the {shown} surrogate")
    axes.text(
        *(0.03, 0.97, "\n".join(textwrap.wrap(surrogates[shown]["text"].replace("jets/", ""), _WIDTH))),
        transform=axes.transAxes,
        va="top",
        fontsize=10,
    )
    add_title(made[1].main, rows_of(result))
    return figure


def _curve(
    name: str, colour: str, efficiency: np.ndarray, roc: dict[str, Any], auc: dict[str, float]
) -> Curve:
    value, error = (np.array(roc[key], float) for key in ("rejection", "standard"))
    there = np.isfinite(value)
    value, error = value[there], error[there]
    label = f"{name}: AUC {auc['value']:.3f} $\\pm$ {auc['standard']:.3f}"
    # Symmetric on the logarithmic axis, where the errors of few jets would reach below 1.
    factor = np.exp(error / value)
    return Curve(label, colour, efficiency[there], value, value / factor, value * factor)
