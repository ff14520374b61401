"""Global significance of all tests of a mixture; of a blind mixture a panel that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.global_significance import LocalScan, draw_local, draw_maximum, draw_trials
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

CURVES = {
    "bootstrap": "Replicas of the events",
    "gaussian": "Normal, correlation of the replicas",
    "gross_vitells": "Gross-Vitells (bound)",
    "independent": "Tests independent",
}
MOST_SCANS = 10
"""Selections that one panel tells apart."""
FEWEST = 10
"""Replicas beyond a level, from which on their number tells its probability."""


def scans(tests: Sequence[Mapping[str, Any]]) -> list[LocalScan]:
    """One scan per method and selection, in the order of the file."""
    names = list(dict.fromkeys((test["method"], test["selection_efficiency"]) for test in tests))
    several = len({efficiency for _, efficiency in names}) > 1
    found = []
    for method, efficiency in names:
        own = [t for t in tests if (t["method"], t["selection_efficiency"]) == (method, efficiency)]
        own.sort(key=lambda test: test["low"])
        columns = (np.array([test[key] for test in own], float) for key in ("low", "high", "z"))
        found.append(LocalScan(f"{method}, {100 * efficiency:.3g} %" if several else method, *columns))
    return found


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the local p-values with global lines, the largest of the replicas, and global against local."""
    path = inputs["global"]
    result = json_with(path, "mixture", "blind", "tests", "best", "bootstrap", "distribution", "curve")
    if result["blind"] or not result["tests"]:
        figure, [[panel]] = panels([Row((False,))])
        panel.main.set_axis_off()
        panel.main.text(0.5, 0.5, "Blind: no global significance", ha="center", va="center")
        add_label(panel.main, look, result["mixture"])
        return figure
    counted = result["bootstrap"]
    n_panels = 1 if counted is None else 3
    figure, [drawn] = panels([Row((False,) * n_panels, height=5.6, right=0.9)], width=6.0)
    levels = {} if counted is None else {int(sigma): z for sigma, z in counted["levels"].items()}
    every = scans(result["tests"])
    shown = sorted(sorted(every, key=_largest)[-MOST_SCANS:], key=every.index)
    title = f"{len(shown)} of {len(every)} selections: the largest" if len(shown) < len(every) else None
    draw_local(drawn[0].main, shown, levels, title)
    add_label(drawn[0].main, look, result["mixture"])
    if counted is None:
        return figure
    best = result["best"]["z"]
    tests = f"{len(result['tests'])} tests"
    if counted["effective_tests"] is not None:
        tests += f", worth {counted['effective_tests']:.1f} independent ones"
    text = f"{tests}\nGlobal p {_number(counted)}"
    if not counted["valid"]:
        text += "\nFewer than 10 events expected: not exact"
    edges, counts = (np.array(result["distribution"][key], float) for key in ("edges", "counts"))
    draw_maximum(drawn[1].main, edges, counts, best, text)
    add_title(drawn[1].main, "Without the training's own trials")
    curves = {
        label: np.array(result["curve"][name], float)
        for name, label in CURVES.items()
        if result["curve"][name] is not None
    }
    replicas = curves[CURVES["bootstrap"]]
    replicas[replicas * (counted["n"] + 1) < FEWEST] = np.nan
    draw_trials(drawn[2].main, np.array(result["curve"]["z"]), curves, (best, *_global(counted)))
    return figure


def _largest(scan: LocalScan) -> float:
    return float(np.nanmax(scan.z, initial=-np.inf))


def _global(counted: Mapping[str, Any]) -> tuple[float, float]:
    """The p-value that is told and its error: that of the correlation where too few replicas reach it."""
    source = counted if counted["p_value"] * (counted["n"] + 1) >= FEWEST else counted["gaussian"]
    return source["p_value"], source["error"]


def _number(counted: Mapping[str, Any]) -> str:
    p_value, error = _global(counted)
    if p_value <= 1e-3:
        return f"= {p_value:.1e}" if p_value > 0 else r"$< 10^{-300}$"
    digits = max(0, 1 - int(np.floor(np.log10(error)))) if error > 0 else 3
    return rf"= {p_value:.{digits}f} $\pm$ {error:.{digits}f}"
