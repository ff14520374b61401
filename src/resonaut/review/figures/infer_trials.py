"""False-positive rates and power of global p-values, and their distribution without signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import EmptyFileError
from resonaut.plot.rates import Rates, draw_rates
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.figures.search_panels import of_kind
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

_LEFT = 2.3
_ROW_HEIGHT = 0.5
"""Inches of a line."""
_DASHES = ("-", "--", ":")


def rates_of(
    entries: Sequence[Mapping[str, Any]], levels: Sequence[float], injected: str = ""
) -> list[Rates]:
    """Rates of all entries at each level: false positives, or the power on a set with signal."""
    found = []
    for number, level in enumerate(levels):
        each = [
            entry["rates"][number]["power"].get(injected)
            if injected
            else entry["rates"][number]["false_positive"]
            for entry in entries
        ]
        columns = {
            key: [None if one is None else one[key] for one in each] for key in ("value", "low", "high")
        }
        label = f"p $\\leq$ {level:g}"
        found.append(Rates(label, series_colour(number), None if injected else level, **columns))
    return found


def _draw_null(axes: Axes, entries: Sequence[Mapping[str, Any]], null: str) -> None:
    """Fraction of the null at or below p, against p: on the diagonal or below it where p-values are valid."""
    for number, entry in enumerate(entries):
        values = np.sort([value for value in entry["p_values"].get(null, ()) if value is not None])
        if not len(values):
            continue
        share = np.arange(1, len(values) + 1) / len(values)
        axes.step(
            np.append(values, 1.0),
            np.append(share, 1.0),
            where="post",
            color=series_colour(number % 10, len(entries)),
            ls=_DASHES[number // 10 % len(_DASHES)],
            lw=1.8,
            label=entry["label"],
        )
    least = 2e-3
    grid = np.geomspace(least, 1, 50)
    axes.plot(grid, grid, color="black", lw=1.2, ls=(0, (1, 2)), label="uniform")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(least, 1)
    axes.set_ylim(least, 1.3)
    axes.set_xlabel("Global p-value")
    axes.set_ylabel("Fraction of null at or below")
    axes.legend(loc="lower right", frameon=True, framealpha=0.8, edgecolor="none", fontsize=11)


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw, a row per method, false-positive rates, power on each set with signal, and p-values without.

    Raises:
        InputError: not the file of `infer trials`.
        EmptyFileError: it holds no p-values.
    """
    path = inputs["trials"]
    result = json_with(path, "kind", "levels", "sets", "entries", "mixture")
    of_kind(result, "trials", path)
    entries, levels = result["entries"], result["levels"]
    if not any(entry["rates"][0]["false_positive"]["n"] for entry in entries):
        raise EmptyFileError(f"{path}: no p-values to draw. Run `infer trials` again.")
    injected = [entry["name"] for entry in result["sets"] if entry["inject"]]
    null = next(entry["name"] for entry in result["sets"] if not entry["inject"])
    groups = [list(own) for _, own in groupby(entries, lambda entry: entry["method"])]
    rows = [
        Row((False,) * (2 + len(injected)), height=_ROW_HEIGHT * len(own) + 1.2, left=_LEFT) for own in groups
    ]
    figure, made = panels(rows, width=5.2)
    for row, own in zip(made, groups, strict=True):
        names = [entry["label"] for entry in own]
        for panel, name in zip(row, ["", *injected], strict=False):
            draw_rates(panel.main, names, rates_of(own, levels, name), _words(own, name), log=not name)
            add_title(panel.main, f"Power, {name}" if name else f"{result['mixture']}, {own[0]['method']}")
        place = "lower left" if injected else "lower right"
        row[-2].main.legend(loc=place, frameon=True, framealpha=0.8, edgecolor="none", fontsize=12)
        _draw_null(row[-1].main, own, null)
        add_title(row[-1].main, "No signal")
    add_label(made[0][0].main, look)
    return figure


def _words(entries: Sequence[Mapping[str, Any]], injected: str) -> str:
    """What is a fraction of what."""
    rates = [entry["rates"][0] for entry in entries]
    numbers = [each["power"].get(injected) if injected else each["false_positive"] for each in rates]
    n = sorted({each["n"] for each in numbers if each is not None and each["n"]})
    several = "" if not n else f"{n[0]} " if len(n) == 1 else f"{n[0]} to {n[-1]} "
    return f"Fraction of {several}with signal" if injected else f"False positives of {several}without signal"
