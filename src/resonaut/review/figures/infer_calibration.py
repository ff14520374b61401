"""Pseudo-experiments through the whole chain: are local p-values uniform, and what is the global one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import EmptyFileError
from resonaut.plot.calibration import Observed, PValues, draw_global, draw_uniformity
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs


def _numbers(values: list[float | None]) -> np.ndarray:
    return np.array(values, float)


def _share(found: dict[str, Any]) -> str:
    """`5.2 % below 5 %`."""
    return f"{100 * found['0.05']['value']:.2g} % below 5 %" if "0.05" in found else "no fit"


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the local p-values of all methods, and the smallest of each pseudo-experiment."""
    path = inputs["calibration"]
    result = json_with(path, "methods", "joint", "n", "mixture", "name", "blind", "inject")
    if not result["n"]:
        raise EmptyFileError(f"{path}: no pseudo-experiments. Run `infer calibrate` with at least one part.")
    methods = result["methods"]
    colours = [series_colour(number, len(methods) + 1) for number in range(len(methods) + 1)]
    local = [
        PValues(
            f"{name}: {_share(own['fractions'])}",
            colour,
            np.concatenate([_numbers(test["p_values"]) for test in own["tests"]]),
        )
        for (name, own), colour in zip(methods.items(), colours, strict=False)
    ]
    entries = {**methods, **({"all methods": result["joint"]} if len(methods) > 1 else {})}
    smallest = [
        PValues(name, colour, _numbers(own["smallest_p"]), "-" if name in methods else ":")
        for (name, own), colour in zip(entries.items(), colours, strict=False)
    ]
    n_tests = len(next(iter(methods.values()))["tests"])
    figure, [[left, right]] = panels([Row((False, False), height=5.8)], width=6.4)
    injected = " + ".join(f"{count} {name}" for name, count in result["inject"].items())
    draw_uniformity(left.main, local, result["n"], "Local p-value")
    label = "Fraction with injected signal" if injected else "Global p-value"
    observed = [_observed(own["global"]) for own in entries.values()]
    draw_global(right.main, smallest, observed, result["n"], n_tests, label)
    add_label(left.main, look)
    what = f"with {injected}" if injected else "background only"
    add_title(right.main, f"{result['mixture']}: {result['n']} pseudo-experiments, {what}")
    return figure


def _observed(found: dict[str, Any] | None) -> Observed | None:
    """What was seen; nothing where blind or injected."""
    if found is None:
        return None
    return Observed(found["smallest_p"], found["p_value"], found["low"], found["high"])
