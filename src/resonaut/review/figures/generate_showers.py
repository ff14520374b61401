"""Generated calorimeter showers beside simulated ones that the generator did not learn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.energy_response import Points, draw_energy_response
from resonaut.plot.histograms import Histogram
from resonaut.plot.images import BAR_MARGIN
from resonaut.plot.shower_images import draw_shower, draw_shower_ratio
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.figures import generate_panels as shared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.plot.style import Panel

_FILLED_SHARE = 1e-3
_NAMES_MARGIN = 3.4


def _profile(panel: Panel, entry: Mapping[str, Any], words: tuple[str, str, str], colour: str) -> None:
    pair = []
    for name in ("real", "generated"):
        mean, error = (np.asarray(entry[name][key]) for key in ("mean", "error"))
        # An axis that ends in zeros (a cell energy that no shower has) stays readable.
        pair.append(Histogram(np.asarray(entry["edges"]), mean, np.maximum(mean - error, 0), mean + error))
    axes = tuple(shared.with_unit(entry[key]["title"], entry[key]["unit"]) for key in ("x", "y"))
    log = entry["title"] in ("Cell energy", "Radial profile")
    shared.draw_pair(panel, (pair[0], pair[1]), words, colour, axes, log=log)
    if entry["title"] == "Cell energy":
        for part in (panel.main, panel.lower):
            part.set_xscale("log")


def _points(bins: list[Mapping[str, Any]], sample: str, key: str, unit: float) -> Points:
    low, high = (np.array([entry[end] for entry in bins]) for end in ("low", "high"))
    value, error = (np.array([b[sample][key][part] for b in bins]) * unit for part in ("value", "error"))
    return Points((low + high) / 2, (high - low) / 2, value, error)


def _response(
    panel: Panel, evaluation: Mapping[str, Any], key: str, words: tuple[str, str, str], colour: str
) -> None:
    target = {"response": "visible_energy", "resolution": "resolution"}[key]
    bins = [entry for entry in evaluation["response"]["bins"] if entry["difference"] is not None]
    label = {"response": "Visible / incident energy [%]", "resolution": "Resolution [%]"}[key]
    limit = next((t["limit"] for t in evaluation["targets"] if t["name"] == target), None)
    pair = [_points(bins, sample, key, 100.0) for sample in ("real", "generated")]
    draw_energy_response(panel, *pair, words[:2], (colour, "black"), label, limit)


def _image(panels_: list[Panel], entry: Mapping[str, Any]) -> None:
    real, made = (np.asarray(entry[name], float) for name in ("real", "generated"))
    draw_shower(panels_[0].main, real, entry["axes"], "Mean energy [GeV]")
    filled = real > _FILLED_SHARE * real.max()
    ratio = np.where(filled, made / np.where(filled, real, 1.0) - 1, np.nan)
    reach = 0.1 if np.nanquantile(np.abs(ratio), 0.9) < 0.1 else 0.5
    draw_shower_ratio(panels_[1].main, ratio, entry["axes"], "Generated / simulated - 1", reach)
    add_title(panels_[0].main, "Simulated, mean shower")
    add_title(panels_[1].main, "Ratio of mean showers")


def draw(evaluation: Mapping[str, Any], training: Mapping[str, Any], look: Look) -> Figure:
    """Draw histograms, profiles, response, mean showers, losses, separations and classifiers."""
    n_rows, method = evaluation["n_rows"]["compared"], evaluation["method"]
    count = f"{n_rows:,}".replace(",", " ")
    words = (f"Simulation, {count} held-out showers", f"{method}, {count} showers", "Gen. / sim.")
    colour = look.colour(evaluation["datasets"][0])
    with_energy = evaluation["response"] is not None
    rows = [Row((True,) * 3, height=5.8)] * (3 if with_energy else 2)
    rows += [Row((False,) * 3, right=BAR_MARGIN, height=5.0)]
    rows += [Row((False,) * 2, left=_NAMES_MARGIN, height=6.0)]
    figure, grid = panels(rows, width=5.4)
    observables, profiles = evaluation["observables"], evaluation["profiles"]
    for panel, name in zip(grid[0], ("visible_energy", "n_hits"), strict=False):
        shared.draw_observable(panel, observables[name], n_rows, words, colour, "showers")
    _profile(grid[0][2], profiles["cell_energy"], words, colour)
    _profile(grid[1][0], profiles["longitudinal"], words, colour)
    _profile(grid[1][1], profiles["radial"], words, colour)
    shared.draw_observable(grid[1][2], observables["depth"], n_rows, words, colour, "showers")
    if with_energy:
        _response(grid[2][0], evaluation, "response", words, colour)
        _response(grid[2][1], evaluation, "resolution", words, colour)
        shared.draw_observable(grid[2][2], observables["row_mean"], n_rows, words, colour, "showers")
    *left, right = grid[-2]
    if evaluation["images"] is None:
        for panel, name in zip(left, ("hits_per_layer",), strict=False):
            _profile(panel, profiles[name], words, colour)
        left[1].main.set_axis_off()
    else:
        _image(left, evaluation["images"]["side"])
    shared.draw_history(right.main, training)
    shared.draw_separations(grid[-1][0].main, evaluation)
    shared.draw_areas(grid[-1][1].main, evaluation)
    add_label(grid[0][0].main, look)
    return figure
