"""Decorrelation: divergence of the selected background against rejection, its spectrum, and robustness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.decorrelation import MARKERS, Point, Spectrum, draw_points, draw_spectra
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

AXES = {"mass": "Jet mass [GeV]", "pt": r"Jet $p_T$ [GeV]", "eta": r"Jet $\eta$"}
_PER_CENT = 100.0


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw 1 / JSD against rejection, spectra before and after, and rejection against its change."""
    result = json_with(inputs["decorrelation"], "taggers", "edges", "efficiencies", "variable", "name")
    # The last efficiency has the most background events behind it.
    at = len(result["efficiencies"]) - 1
    efficiency, taggers = result["efficiencies"][at], result["taggers"]
    colours = {name: series_colour(number, len(taggers)) for number, name in enumerate(taggers)}
    markers = {name: MARKERS[number % len(MARKERS)] for number, name in enumerate(taggers)}
    robust = [
        _changed(name, entry, efficiency, colours[name], markers[name])
        for name, entry in taggers.items()
        if entry["robustness"] is not None
    ]
    robust = [point for point in robust if point is not None]
    figure, [row] = panels([Row((False,) * (3 if robust else 2), height=5.8)], width=6.4)
    points = [
        _divergence(name, entry, at, colours[name], markers[name])
        for name, entry in taggers.items()
        if entry["at"][at]["rejection"]["value"] is not None
    ]
    axes = row[0].main
    floors = [
        (entry["at"][at]["rejection"]["value"], 1 / entry["at"][at]["floor"]["value"])
        for entry in taggers.values()
        if entry["at"][at]["rejection"]["value"] is not None
    ]
    axes.plot(*zip(*sorted(floors), strict=True), ls=":", marker="_", ms=12, color="0.4", label="random cut")
    draw_points(axes, points, "Background rejection", "1 / JSD [1 / bits]", log_y=True)
    spectra = [Spectrum("all background", "black", _shares(taggers, "before"), dashed=True)]
    spectra += [
        Spectrum(name, colours[name], np.array(entry["shares"]["after"][at]))
        for name, entry in taggers.items()
    ]
    draw_spectra(row[1].main, np.array(result["edges"]), spectra, AXES[result["variable"]])
    add_label(axes, look)
    add_title(axes, rf"points: $\epsilon_S = {efficiency:g}$")
    add_title(row[1].main, rf"$\epsilon_S = {efficiency:g}$")
    if robust:
        words = "Largest change of the rejection [%]"
        draw_points(row[2].main, robust, words, "Background rejection", log_y=False)
        name = result["response"].replace("_", " ")
        add_title(row[2].main, rf"{name}, $\epsilon_S = {efficiency:g}$ nominal and varied")
    return figure


def _shares(taggers: Mapping[str, Any], when: str) -> np.ndarray:
    return np.array(next(iter(taggers.values()))["shares"][when])


def _divergence(name: str, entry: Mapping[str, Any], at: int, colour: str, marker: str) -> Point:
    of, curve = entry["at"][at], entry["curve"]
    divergence, rejection = of["jensen_shannon"], of["rejection"]
    inverse = 1 / divergence["value"]
    line = np.array([curve["rejection"], curve["jensen_shannon"]], float)
    line = line[:, np.isfinite(line).all(axis=0) & (line[1] > 0)]
    line[1] = 1 / line[1]
    # Thresholds that leave the points of all taggers on one screen.
    near = line[:, (line[0] < 4 * rejection["value"])]
    error = inverse * (divergence["error"] or 0.0) / divergence["value"]
    return Point(*(name, colour, marker, rejection["value"], rejection["error"] or 0.0, inverse, error, near))


def _changed(
    name: str, entry: Mapping[str, Any], efficiency: float, colour: str, marker: str
) -> Point | None:
    for at in entry["robustness"]:
        if at["efficiency"] == efficiency and at["same"] is not None:
            rejection, change = at["rejection"], at["same"]
            size = _PER_CENT * abs(change["value"])
            errors = (_PER_CENT * (change["error"] or 0.0), rejection["error"] or 0.0)
            return Point(name, colour, marker, size, errors[0], rejection["value"], errors[1])
    return None
