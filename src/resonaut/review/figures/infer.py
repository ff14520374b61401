"""Local p-values and upper limits against the window; of a blind search expected limits only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import EmptyFileError
from resonaut.plot.limits import Scan, draw_limits, draw_p_values
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

BANDS = (
    "expected_minus_2sigma",
    "expected_minus_1sigma",
    "expected",
    "expected_plus_1sigma",
    "expected_plus_2sigma",
)


def scans(windows: Sequence[Mapping[str, Any]], limit: str = "upper_limit") -> list[Scan]:
    """One scan per selection efficiency, the loosest first, windows by their lower edge.

    Args:
        windows: entries of `significance.json`.
        limit: key of the limits, in events or in fb.
    """
    found = []
    for efficiency in sorted({entry["selection_efficiency"] for entry in windows}, reverse=True):
        own = sorted(
            (entry for entry in windows if entry["selection_efficiency"] == efficiency),
            key=lambda entry: entry["low"],
        )

        def numbers(*keys: str, own: list[Mapping[str, Any]] = own) -> np.ndarray:
            values: list[Any] = list(own)
            for key in keys:
                values = [value[key] for value in values]
            return np.array(values, float)

        found.append(
            Scan(
                f"{100 * efficiency:.3g} % of the side bands selected",
                *(numbers(key) for key in ("low", "high", "p_value", "z_local")),
                numbers(limit, "observed"),
                np.array([numbers(limit, band) for band in BANDS]),
            )
        )
    return found


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the p-values of all efficiencies in one panel, and the limits of each in one of its own.

    Of a blind search there are no p-values.
    """
    path = inputs["significance"]
    result = json_with(path, "windows", "best", "method", "mixture", "confidence_level", "local_tests")
    if not result["windows"]:
        raise EmptyFileError(f"{path}: no windows. Run `infer` again.")
    cross_section = "upper_limit_fb" in result["windows"][0]
    found = scans(result["windows"], "upper_limit_fb" if cross_section else "upper_limit")
    blind = bool(result.get("blind", False))
    n_panels = len(found) if blind else 1 + len(found)
    figure, [drawn] = panels([Row((False,) * n_panels, height=5.4, right=0.85)], width=5.8)
    others = drawn if blind else drawn[1:]
    if not blind:
        colours = [series_colour(number) for number in range(len(found))]
        count = result["local_tests"]["count"]
        draw_p_values(drawn[0].main, found, colours, f"Local: {count} tests, not corrected for")
    add_label(drawn[0].main, look)
    for panel, scan in zip(others, found, strict=True):
        label = "Limit on selected signal [fb]" if cross_section else "Limit on selected signal events"
        note = f"{scan.label}\nBlind: expected limits only" if blind else scan.label
        draw_limits(panel.main, scan, result["confidence_level"], label, note)
        add_title(panel.main, f"{result['method']} in {result['mixture']}")
    return figure
