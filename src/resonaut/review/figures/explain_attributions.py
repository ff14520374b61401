"""Attributions: which features, which pixels, which constituents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.images import BAR_MARGIN, draw_difference
from resonaut.plot.named_series import MARKERS, Series, draw_named_series
from resonaut.plot.profiles import Profile, draw_profiles
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.figures.explain_words import METHODS, explained, rows_of, symbol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_FEATURES = 16
"""Features that are drawn."""
_DASHES = ("-", "--", ":", "-.")
_AXES = {
    "rank": (r"Rank in $p_T$ (1 the hardest)", True),
    "delta_r": (r"$\Delta R$ from the jet axis", False),
    "pt_fraction": (r"$p_T$ / jet $p_T$", True),
}


def draw(result: dict[str, Any], look: Look) -> Figure:
    """Draw them, by what the tagger reads."""
    drawn = {"features": _features, "images": _images, "clouds": _constituents}
    return drawn[result["of"]](result, look)


def _features(result: dict[str, Any], look: Look) -> Figure:
    features, methods = result["features"], result["methods"]
    last = methods[-1]
    names = sorted(features, key=lambda name: -features[name][last]["importance"])[:N_FEATURES]
    height = max(5.0, 0.42 * len(names))
    figure, [[left, right]] = panels([Row((False, False), height=height, left=1.9)], width=6.4)
    series = [
        Series(
            METHODS[method],
            series_colour(number),
            MARKERS[number],
            *(_column(features, names, method, key) for key in ("importance", "standard")),
        )
        for number, method in enumerate(methods)
    ]
    words = [symbol(name) for name in names]
    draw_named_series(left.main, words, series, f"Mean |attribution| to the {explained(result)}")
    add_label(left.main, look)
    by_class = [
        Series(
            name,
            series_colour(number),
            MARKERS[number],
            *(
                np.array([features[one][last]["by_class"][name][key] for one in names], float)
                for key in ("mean", "standard")
            ),
        )
        for number, name in enumerate(result["classes"])
    ]
    draw_named_series(right.main, words, by_class, f"Mean attribution ({METHODS[last]})")
    add_title(left.main, "errors: rows and networks")
    add_title(right.main, rows_of(result))
    return figure


def _column(features: dict[str, Any], names: list[str], method: str, key: str) -> np.ndarray:
    """A number of each feature; errors are those of the rows and of the networks together."""
    values = np.array([features[name][method][key] for name in names], float)
    if key == "importance":
        return values
    spread = [features[name][method]["spread"] or 0.0 for name in names]
    return np.hypot(values, spread)


def _images(result: dict[str, Any], look: Look) -> Figure:
    methods = result["methods"]
    method = next(one for one in ("integrated_gradients", "shap", "gradient") if one in methods)
    chosen = _two_classes(result)
    row = Row((False,) * (len(chosen) + 1), right=BAR_MARGIN, square=True)
    figure, [made] = panels([row], width=4.9)
    maps = {name: np.array(result["maps"][method][name]) for name in chosen}
    reach = 1e3 * max(float(np.quantile(np.abs(values), 0.995)) for values in maps.values())
    label = rf"Mean attribution to the {explained(result)} [$10^{{-3}}$]"
    for panel, name in zip(made, chosen, strict=False):
        draw_difference(panel.main, 1e3 * maps[name], result["half_width"], label, reach)
        add_title(panel.main, f"{name}, {METHODS[method]}" if panel is made[1] else name)
    add_label(made[0].main, look)
    profiles = _profiles(result["profiles"], chosen, {**METHODS, "gradient": r"Gradient by $p_T$"})
    axes = made[-1].main
    draw_profiles(
        *(axes, np.array(result["edges"]), profiles),
        *(r"$\Delta R$ from the image's centre", "Share of |attribution| per bin"),
    )
    add_title(axes, rows_of(result))
    return figure


def _constituents(result: dict[str, Any], look: Look) -> Figure:
    shown = [axis for axis in _AXES if axis in result["profiles"]]
    figure, [made] = panels([Row((False,) * len(shown))], width=5.6)
    for panel, axis in zip(made, shown, strict=True):
        profiles = _profiles(result["profiles"][axis], _two_classes(result), METHODS)
        edges = np.array(result["edges"][axis])
        label, log = _AXES[axis]
        if axis == "rank":
            edges = np.append(edges[:-1] + 1, 128.5)
        if axis == "pt_fraction":
            edges = np.maximum(edges, 3e-4)
        draw_profiles(
            *(panel.main, edges, profiles, label, "Share of |attribution| per bin"),
            log=log,
            legend=panel is made[0],
        )
    add_label(made[0].main, look)
    add_title(made[-1].main, rows_of(result))
    return figure


def _two_classes(result: dict[str, Any]) -> list[str]:
    """The class that is explained and another one."""
    others = [name for name in result["classes"] if name != result["target"]]
    return ([result["target"]] if result["target"] else []) + others[:1]


def _profiles(found: dict[str, Any], chosen: list[str], words: dict[str, str]) -> list[Profile]:
    """A colour for each method, dashes for each class."""
    colours = {name: "black" if name == "pt" else series_colour(k) for k, name in enumerate(found)}
    return [
        Profile(
            f"{words.get(method, r'$p_T$')}, {name}",
            colours[method],
            _DASHES[number],
            *(np.array(of_class[name][key], float) for key in ("share", "standard")),
        )
        for method, of_class in found.items()
        for number, name in enumerate(chosen)
    ]
