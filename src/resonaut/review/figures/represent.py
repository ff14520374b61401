"""The features of the LHC Olympics and the mean jet image of every dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.histograms import Histogram, Series, draw_histograms, nice_edges
from resonaut.plot.images import BAR_MARGIN, draw_images
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.reading import chunk_attribute, columns, find_key, manifests, mean_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

FEATURES = {
    "mj1": (r"$m_{J1}$", "GeV"),
    "dmj": (r"$m_{J2} - m_{J1}$", "GeV"),
    "tau21_j1": (r"$\tau_{21}$ of J1", ""),
    "tau21_j2": (r"$\tau_{21}$ of J2", ""),
}
"""J1 is the lighter of the two leading jets (arXiv:2109.00546)."""


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the four features, and one mean image of the leading jet per dataset."""
    features = manifests(inputs["features"], "features")
    images = manifests(inputs["images"], "images")
    look = look.with_datasets(features)
    values = {
        name: columns(item, [f"events/{feature}" for feature in FEATURES])
        for name, item in features.items()
        if sum(item.n_events)
    }
    shown = {name: item for name, item in images.items() if sum(item.n_events)}
    rows = [
        Row((False, False)),
        Row((False, False)),
        Row((False,) * len(shown), right=BAR_MARGIN, square=True),
    ]
    figure, (top, middle, bottom) = panels(rows, width=6.2 if len(shown) < 3 else 4.6)
    for panel, (feature, (symbol, unit)) in zip([*top, *middle], FEATURES.items(), strict=True):
        parts = {name: item[f"events/{feature}"] for name, item in values.items()}
        edges = nice_edges(list(parts.values()), 50, low=0.0) if unit else np.linspace(0, 1, 41)
        series = [
            Series(Histogram.of(part, edges, unit_area=True), name, look.colour(name))
            for name, part in parts.items()
        ]
        width = edges[1] - edges[0]
        draw_histograms(
            panel,
            series,
            f"{symbol} [{unit}]" if unit else symbol,
            f"Fraction of events / {width:g} {unit}".rstrip(),
        )
    add_label(top[0].main, look)
    half_width = float(find_key(chunk_attribute(next(iter(shown.values())), "settings"), "half_width"))
    draw_images([panel.main for panel in bottom], [mean_image(item) for item in shown.values()], half_width)
    for panel, (name, item) in zip(bottom, shown.items(), strict=True):
        n_jets = f"{sum(item.n_events):,}".replace(",", " ")
        add_title(panel.main, f"{name}, leading jet: mean of {n_jets}")
    return figure
