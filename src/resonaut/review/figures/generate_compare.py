"""All generators of a study: classifiers, separation powers, energy response, coverage and a table."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from resonaut.errors import InputError
from resonaut.plot.named_values import Named, draw_named
from resonaut.plot.ranking import draw_table
from resonaut.plot.style import Look, Panel, Row, add_label, add_title, panels, series_colour
from resonaut.review.figures.tag_panels import grouped
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

_NAMES_MARGIN = 2.6
_FLOOR = ("Generated", "Other held-out rows")
_HEAD = ("Generator", "Parameters", "AUC", "AUC, all values", "Separation", "Copies", "Targets", "Speed-up")
_WIDTHS = (0.2, 0.13, 0.15, 0.17, 0.13, 0.09, 0.1, 0.12)


def _areas(panel: Panel, entries: Sequence[Mapping[str, Any]], key: str, label: str) -> None:
    shown = [
        Named(
            *(entry["name"], entry[key]["auc"], entry[key]["error"]),
            *(entry[key]["floor"], entry[key]["floor_error"]),
        )
        for entry in entries
        if entry[key] is not None
    ]
    if not shown:
        panel.main.set_axis_off()
        return
    draw_named(panel.main, shown, label, _FLOOR)
    panel.main.axvline(0.5, color="0.6", lw=1, zorder=0)


def _separations(panel: Panel, entries: Sequence[Mapping[str, Any]]) -> None:
    shown = [
        Named(entry["name"], own["value"], own["error"], own["expected"])
        for entry in entries
        if (own := entry["separation"]) is not None
    ]
    draw_named(
        panel.main, shown, "Largest separation power", ("Generated", "Expected of real rows"), log=True
    )


def _differences(panel: Panel, group: Mapping[str, Any], key: str, label: str) -> None:
    """Relative differences to simulated showers at several energies, one line per generator."""
    axes, energies = panel.main, group["energies"]
    entries = group["generators"]
    spacing = min((b - a for a, b in itertools.pairwise(energies)), default=10.0)
    for number, entry in enumerate(entries):
        shift = (number - (len(entries) - 1) / 2) * 0.5 * spacing / max(len(entries), 1)
        found = [(energy + shift, (entry[key] or {}).get(f"{energy:g}")) for energy in energies]
        points = [(x, 100 * p["value"], 100 * p["error"]) for x, p in found if p is not None]
        if points:
            axes.errorbar(
                *zip(*points, strict=True), fmt="o", ms=5, label=entry["name"],
                color=series_colour(number, len(entries)),
            )  # fmt: skip
    axes.axhline(0, color="0.4", lw=1)
    axes.set_xlabel("Incident energy [GeV]")
    axes.set_ylabel(label)
    axes.margins(y=0.15)
    axes.autoscale(axis="y")
    axes.legend(loc="best", ncols=2 if len(entries) > 4 else 1)


def _coverage(panel: Panel, entries: Sequence[Mapping[str, Any]]) -> None:
    shown = [Named(entry["name"], entry["coverage"], None, entry["coverage_floor"]) for entry in entries]
    draw_named(panel.main, shown, "Coverage of held-out rows", _FLOOR)


def words(entry: Mapping[str, Any]) -> list[str]:
    """Cells of one row of the table."""
    size, own, speed = entry["n_parameters"], entry["separation"], (entry["time"] or {}).get("speed_up") or {}
    areas = [
        "" if entry[key] is None else f"{entry[key]['auc']:.3f} $\\pm$ {entry[key]['error']:.3f}"
        for key in ("high_level", "low_level")
    ]
    fastest = max((value for value in speed.values() if value is not None), default=None)
    return [
        *(entry["name"], "" if size is None else grouped(size), *areas),
        "" if own is None else f"{own['value']:.2g}",
        f"{100 * entry['copies']:.2g} %",
        f"{entry['targets']['met']} of {entry['targets']['asked']}",
        "" if fastest is None else f"{fastest:.3g}",
    ]


def _draw_group(rows: Sequence[Sequence[Panel]], group: Mapping[str, Any]) -> None:
    entries = group["generators"]
    given = f", given {', '.join(group['conditions'])}" if group["conditions"] else ""
    add_title(rows[0][1].main, f"{group['learn']} of {', '.join(group['datasets'])}{given}")
    _areas(rows[0][0], entries, "high_level", "AUC, observables")
    _areas(rows[0][1], entries, "low_level", "AUC, all values")
    _separations(rows[0][2], entries)
    if group["energies"]:
        _differences(rows[1][0], group, "response", "Mean visible energy: gen. / sim. - 1 [%]")
        _differences(rows[1][1], group, "resolution", "Resolution: gen. / sim. - 1 [%]")
        _coverage(rows[1][2], entries)
    cells = [words(entry) for entry in entries]
    draw_table(rows[-1][0].main, _HEAD, cells, [None] * len(cells), _WIDTHS, 0.95 / (len(cells) + 1))


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw each group of generators that learnt the same.

    Raises:
        InputError: no comparison.
    """
    path = inputs["comparison"]
    groups = json_with(path, "groups")["groups"]
    if not groups:
        raise InputError(f"{path}: no generators. Run `generate compare` with two or more.")
    rows: list[Row] = []
    for group in groups:
        high = 2.2 + 0.45 * len(group["generators"])
        rows += [Row((False,) * 3, left=_NAMES_MARGIN, height=max(high, 3.2))]
        rows += [Row((False,) * 3, left=_NAMES_MARGIN, height=4.6)] if group["energies"] else []
        rows += [Row((False,), height=0.4 * (len(group["generators"]) + 1))]
    figure, grid = panels(rows, width=4.8)
    start = 0
    for group in groups:
        n_rows = 3 if group["energies"] else 2
        _draw_group(grid[start : start + n_rows], group)
        start += n_rows
    add_label(grid[0][0].main, look)
    return figure
