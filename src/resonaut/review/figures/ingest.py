"""What the preselection leaves, and the resonant mass of what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from resonaut import losses
from resonaut.manifest import Manifest
from resonaut.plot.cutflow import draw_cut_flow
from resonaut.plot.histograms import Histogram, Series, draw_histograms, nice_edges
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.reading import columns, manifests
from resonaut.store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

CUT_NAMES = {
    "generated": "Generated",
    "read": "Read",
    "ingest_good": "Without\nfaults",
    "ingest_class": "Truth\nclass",
    "ingest_n_jets": "Number\nof jets",
    "ingest_leading_jet_pt": "Leading\njet $p_T$",
    "ingest_mass": "Mass",
}
SYMBOLS = {"mjj": "$m_{jj}$", "mass": "Resonant mass"}
"""Of the resonant variable: of two jets, or a column of a table."""


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the cut flow, and the mass spectrum of every dataset that has a mass: showers have none.

    Files that were skipped are listed below, with what was lost with them.
    """
    found = manifests(inputs["stores"], "store")
    look = look.with_datasets(found)
    variables = {name: _variable(item) for name, item in found.items() if sum(item.n_events)}
    symbols = sorted({SYMBOLS.get(variable, variable) for variable in variables.values() if variable})
    lost = [text for name, item in found.items() if (text := losses.sentence(name, item.losses))]
    rows = [Row((False,) * (1 + bool(symbols)))]
    if lost:
        rows.append(Row((False,), height=0.3 * len(lost)))
    figure, [[left, *others], *notes] = panels(rows, width=6.2)
    if lost:
        axes = notes[0][0].main
        axes.set_axis_off()
        text = "\n".join(lost).replace("fb^-1", "fb$^{-1}$")
        axes.text(0.0, 1.0, text, va="top", fontsize=13, transform=axes.transAxes)
    colours = {name: look.colour(name) for name in found}
    draw_cut_flow(left.main, {name: item.cut_flow for name, item in found.items()}, colours, CUT_NAMES)
    add_label(left.main, look)
    if not symbols:
        return figure
    events = {
        name: columns(found[name], ["events/mass", "events/gen_weight"])
        for name, variable in variables.items()
        if variable
    }
    edges = nice_edges([item["events/mass"] for item in events.values()], 40, tail=0.001)
    series = [
        Series(
            Histogram.of(item["events/mass"], edges, item["events/gen_weight"], unit_area=True),
            f"{name}: {len(item['events/mass']):,} events".replace(",", " "),
            colours[name],
        )
        for name, item in events.items()
    ]
    width = edges[1] - edges[0]
    x_label = f"{' or '.join(symbols)} [GeV]"
    draw_histograms(others[0], series, x_label, f"Fraction of events / {width:g} GeV", log=True)
    add_title(others[0].main, "After the preselection")
    return figure


def _variable(manifest: Manifest) -> str:
    """Name of the resonant variable of a dataset; empty where events have none."""
    # A chunk whose files were all skipped does not know what its events would have been.
    with Store(manifest.chunks[int(np.argmax(manifest.n_events))]) as store:
        return str(store.attributes.get("resonant_variable", "mjj"))
