"""The information plane by two estimators, and what the output knows of the label from epoch to epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.information import Path, draw_plane
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.figures.explain_words import rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(result: dict[str, Any], look: Look) -> Figure:
    """Draw the plane twice, and the last layer's information against epochs."""
    figure, [[binned, kernel, epochs]] = panels([Row((False,) * 3, height=5.4)], width=5.6)
    layers = result["layers"]
    limits = (result["ceiling"], result["label_entropy"])
    draw_plane(binned.main, [_path(name, k, layers) for k, name in enumerate(layers)], *limits)
    binned.main.set_xlabel("I(X; T) in bins [bits]")
    binned.main.set_ylabel("I(T; Y) in bins [bits]")
    draw_plane(kernel.main, [_bounded(name, k, layers) for k, name in enumerate(layers)], *limits)
    kernel.main.set_xlabel("I(X; T + noise), bounds as bars [bits]")
    kernel.main.set_ylabel("I(T + noise; Y) [bits]")
    add_label(binned.main, look)
    add_title(kernel.main, "open: before training, full: after")
    _epochs(epochs.main, result)
    add_title(epochs.main, rows_of(result))
    return figure


def _label(name: str, layers: dict[str, Any]) -> str:
    return f"{name} ({layers[name]['width']})"


def _path(name: str, number: int, layers: dict[str, Any]) -> Path:
    one = layers[name]["binned"]
    colour = series_colour(number, len(layers))
    return Path(_label(name, layers), colour, np.array(one["input"]), np.array(one["label"]))


def _bounded(name: str, number: int, layers: dict[str, Any]) -> Path:
    one = layers[name]["kernel"]
    low, high = np.array(one["lower"]), np.array(one["upper"])
    colour = series_colour(number, len(layers))
    return Path(_label(name, layers), colour, (low + high) / 2, np.array(one["label"]), low, high)


def _epochs(axes: Axes, result: dict[str, Any]) -> None:
    """The output's information on the label by three estimators."""
    output = result["layers"]["output"]
    series = {
        "nearest neighbours": [np.nan if one is None else one for one in result["output"]],
        "kernel, with noise": output["kernel"]["label"],
        "bins": output["binned"]["label"],
    }
    for number, (name, values) in enumerate(series.items()):
        axes.plot(np.arange(len(values)), values, "-", color=series_colour(number), label=f"output, {name}")
    axes.axhline(result["label_entropy"], color="0.35", ls="--", lw=1.3)
    axes.set_xlabel("Epoch (0: before training)")
    axes.set_ylabel("I(T; Y) [bits]")
    axes.set_xlim(0, max(1, len(result["output"]) - 1))
    axes.set_ylim(0, 1.08 * result["label_entropy"])
    axes.legend(loc="lower right")
