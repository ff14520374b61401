"""Faults that a monitor of histograms finds: the share of runs that raise an alarm against their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.detection import Detection, draw_detections
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

WORDS = {
    "autoencoder": "Autoencoder",
    "chi2": r"$\chi^2$ to the mean",
    "largest_pull": "Largest pull",
    "kolmogorov_smirnov": "Kolmogorov-Smirnov",
}
_LOOKS = {
    "autoencoder": ("o", "-"),
    "chi2": ("s", "--"),
    "largest_pull": ("^", "-."),
    "kolmogorov_smirnov": ("D", ":"),
}
_AXES = {
    "dead_region": "Side of the dead region [rad]",
    "hot_cell": "Noisy cell [hits per event]",
    "scale": "Shift of the energy scale [%]",
}


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw a panel for each fault."""
    result = json_with(inputs["monitor"], "name", "faults", "tests", "false_alarms", "events_per_run")
    faults = [name for name in _AXES if name in result["faults"]]
    figure, [made] = panels([Row((False,) * len(faults), height=5.0)], width=5.4)
    for number, (panel, fault) in enumerate(zip(made, faults, strict=True)):
        entry = result["faults"][fault]
        entries = [
            _detection(entry, name, place, 100.0 if fault == "scale" else 1.0, named=not number)
            for place, name in enumerate(WORDS)
            if name in entry["tests"]
        ]
        draw_detections(panel.main, entries, result["false_alarms"], _AXES[fault])
    for panel in made[1:]:
        # The legend stretched the first; all are to be compared.
        panel.main.set_ylim(made[0].main.get_ylim())
    add_label(made[0].main, look)
    add_title(made[-1].main, f"{result['name']}: runs of {result['events_per_run']} events")
    return figure


def _detection(entry: dict[str, Any], name: str, place: int, unit: float, *, named: bool) -> Detection:
    shares = entry["tests"][name]["efficiency"]
    value, lower, upper = (np.array([one[key] for one in shares]) for key in ("value", "lower", "upper"))
    size = unit * np.abs(np.array(entry["sizes"], float))
    marker, dashes = _LOOKS[name]
    colour = series_colour(place)
    return Detection(WORDS[name] if named else "", colour, marker, dashes, size, value, lower, upper)
