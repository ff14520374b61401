"""Capsules: lengths of those of the classes, and where the votes for the explained class come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.images import BAR_MARGIN, draw_difference
from resonaut.plot.profiles import Profile, draw_profiles
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.figures.explain_words import rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(result: dict[str, Any], look: Look) -> Figure:
    """Draw lengths by true class, and couplings by place for the explained class and another one."""
    target = result["target"]
    others = [name for name in result["classes"] if name != target]
    figure, [made] = panels([Row((False,) * 3, right=BAR_MARGIN, square=True)], width=4.9)
    axes = made[0].main
    draw_profiles(
        *(axes, np.array(result["edges"]), _lengths(result, [target, others[0]])),
        *("Length of the class's capsule", "Share of jets"),
    )
    add_label(axes, look)
    maps = {name: np.array(result["routing"][name]["map"]) for name in (target, others[0])}
    middle = float(np.mean([values.mean() for values in maps.values()]))
    reach = max(float(np.abs(values - middle).max()) for values in maps.values())
    label = f"Coupling to {target} minus {middle:.3f}"
    for panel, (name, values) in zip(made[1:], maps.items(), strict=True):
        draw_difference(panel.main, values - middle, result["reach"], label, reach)
        add_title(panel.main, f"true {name}" if panel is made[1] else f"true {name}, {rows_of(result)}")
    return figure


def _lengths(result: dict[str, Any], chosen: list[str]) -> list[Profile]:
    """A colour for each capsule, dashes for each true class."""
    found = []
    for number, capsule in enumerate(result["classes"]):
        for dashes, true in zip(("-", "--"), chosen, strict=True):
            counts = np.array(result["lengths"][true][number]["counts"], float)
            total = max(1.0, counts.sum())
            label = f"capsule {capsule}, true {true}"
            found.append(
                Profile(label, series_colour(number), dashes, counts / total, np.sqrt(counts) / total)
            )
    return found
