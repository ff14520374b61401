"""The numbers of a figure, read from what Matplotlib was told to draw: a new figure needs no edit here.

    schema_version, kind ("figure_numbers")
    panels       one per axes with data, from top left to bottom right:
        title, notes         words above and in the panel
        x_label, y_label     with units
        x_scale, y_scale     "linear", "log", ...
        x_ticks, y_ticks     {"at", "names"} where ticks have names
        series               in the order of drawing:
            label            as in the legend; of an unnamed one that of the same colour, else null
            form             "line", "points", "errors", "band", "steps", "bars", "polygon", "span", "image"
            x, x_low, x_high, y, y_low, y_high, value    columns of equal length; null where nothing is drawn

What is not drawn is not in the numbers: those of a blind figure are blind.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.numbers_artists import series_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCHEMA_VERSION = 1
KIND = "figure_numbers"
COLUMNS = ("x", "x_low", "x_high", "y", "y_low", "y_high", "value")
DIGITS = 8
"""Significant digits: more than anybody reads off a figure, fewer than machines differ in."""


def numbers(figure: Figure) -> dict[str, Any]:
    """Everything that a figure shows, as the module says."""
    every = list(_all_axes(figure))
    scales = {id(scale) for axes in every for scale in _colour_scales(axes)}
    drawn = [axes for axes in every if id(axes) not in scales]
    places = sorted(drawn, key=lambda axes: (-round(axes.get_position().y1, 2), axes.get_position().x0))
    panels = [_panel(axes) for axes in places]
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "panels": [panel for panel in panels if panel["series"]],
    }


def as_csv(content: Mapping[str, Any]) -> str:
    """The same as one table: lines that begin with # say what each panel is, then a row per point."""
    text = io.StringIO()
    for number, panel in enumerate(content["panels"], start=1):
        title = " ".join(panel["title"].split())
        text.write(f"# panel {number}: {title} | x: {panel['x_label']} | y: {panel['y_label']}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["panel", "series", "form", *COLUMNS])
    for number, panel in enumerate(content["panels"], start=1):
        for series in panel["series"]:
            head = [number, " ".join((series["label"] or "").split()), series["form"]]
            columns = [[_short(value) for value in series.get(name, ())] for name in COLUMNS]
            for row in itertools.zip_longest(*columns, fillvalue=""):
                writer.writerow([*head, *row])
    return text.getvalue()


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.{DIGITS}g}"


def _all_axes(figure: Figure) -> Iterator[Axes]:
    """Axes of a figure and those inside of them."""
    waiting = list(figure.axes)
    while waiting:
        axes = waiting.pop(0)
        waiting += axes.child_axes
        yield axes


def _colour_scales(axes: Axes) -> Iterator[Axes]:
    """Axes that explain the colours of others."""
    for mappable in (*axes.images, *axes.collections):
        if mappable.colorbar is not None:
            yield mappable.colorbar.ax


def _panel(axes: Axes) -> dict[str, Any]:
    texts = [text.get_text() for text in axes.texts if text.get_text()]
    above = [text.get_text() for text in axes.texts if _is_title(text, axes) and text.get_text()]
    panel: dict[str, Any] = {
        "title": axes.get_title() or " ".join(above),
        "notes": [text for text in texts if text not in above],
        "x_label": _label(axes, "x"),
        "y_label": _label(axes, "y"),
        "x_scale": axes.get_xscale(),
        "y_scale": axes.get_yscale(),
    }
    for name in ("x", "y"):
        ticks = _named_ticks(axes, name)
        if ticks is not None:
            panel[f"{name}_ticks"] = ticks
    found = [
        {"label": label, "form": form, **{key: _plain(column) for key, column in columns.items()}}
        for label, form, columns in series_of(axes)
    ]
    return {**panel, "series": [series for series in found if _length(series)]}


def _is_title(text: Any, axes: Axes) -> bool:
    """Whether words stand above the right end of a panel, where `style.add_title` puts them."""
    return text.get_transform() == axes.transAxes and text.get_position()[0] == 1.0


def _label(axes: Axes, name: str) -> str:
    """The label of an axis; of the panel under it where both share the axis."""
    own = getattr(axes, f"get_{name}label")()
    if own or name == "y":
        return own
    others = axes.get_shared_x_axes().get_siblings(axes)
    return next((other.get_xlabel() for other in others if other.get_xlabel()), "")


def _named_ticks(axes: Axes, name: str) -> dict[str, list[Any]] | None:
    """Ticks that were given names, for example those of methods."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    axis = getattr(axes, f"{name}axis")
    locator, formatter = axis.get_major_locator(), axis.get_major_formatter()
    if not isinstance(locator, FixedLocator) or not isinstance(formatter, FuncFormatter):
        return None
    places = np.asarray(locator.locs, float).tolist()
    return {"at": _plain(places), "names": [formatter(place, number) for number, place in enumerate(places)]}


def _plain(column: Sequence[float] | np.ndarray) -> list[float | None]:
    """Numbers for JSON, rounded; null for what is not finite or masked."""
    values = np.ma.filled(np.ma.asarray(column, float), np.nan).ravel()
    return [float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in values.tolist()]


def _length(series: Mapping[str, Any]) -> int:
    return max((len(series[name]) for name in COLUMNS if name in series), default=0)
