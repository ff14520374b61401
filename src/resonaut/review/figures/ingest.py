"""What the preselection leaves, and the resonant mass of what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonaut.plot.cutflow import draw_cut_flow
from resonaut.plot.histograms import Histogram, Series, draw_histograms, nice_edges
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.reading import columns, manifests

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

CUT_NAMES = {
    "generated": "Generated",
    "read": "Read",
    "ingest_n_jets": "Number\nof jets",
    "ingest_leading_jet_pt": "Leading\njet $p_T$",
    "ingest_mass": "$m_{jj}$",
}


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the cut flow and the mass spectrum of every dataset."""
    found = manifests(inputs["stores"], "store")
    look = look.with_datasets(found)
    figure, [[left, right]] = panels([Row((False, False))], width=6.2)
    colours = {name: look.colour(name) for name in found}
    draw_cut_flow(left.main, {name: item.cut_flow for name, item in found.items()}, colours, CUT_NAMES)
    add_label(left.main, look)
    events = {name: columns(item, ["events/mass", "events/gen_weight"]) for name, item in found.items()}
    events = {name: item for name, item in events.items() if len(item["events/mass"])}
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
    draw_histograms(right, series, "$m_{jj}$ [GeV]", f"Fraction of events / {width:g} GeV", log=True)
    add_title(right.main, "After the preselection")
    return figure
