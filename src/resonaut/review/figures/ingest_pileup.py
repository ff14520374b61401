"""Leading jets of the same events with pile-up and without, against the number of interactions: median change
of pt and of mass, and half of the central 68 % interval of the change of mass. Legends give the
median change per interaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonaut.manifest import read as read_manifest
from resonaut.plot.offsets import Offset, draw_offsets
from resonaut.plot.style import Look, Row, add_label, add_title, panels, series_colour
from resonaut.review.pileup_offsets import Offsets, offsets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

N_BINS = 6
LEGEND = "Median change per interaction"
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the changes of one dataset by every variation of kind pileup."""
    nominal = read_manifest(inputs["nominal"], "store")
    found = {
        name: offsets(nominal, read_manifest(path, "store"))
        for name, path in sorted(inputs["varied"].items())
    }
    figure, [[left, middle, right]] = panels([Row((False, False, False), height=5.6)], width=5.8)
    pt = [_curve(number, name, item, "pt", len(found)) for number, (name, item) in enumerate(found.items())]
    mass = [
        _curve(number, name, item, "mass", len(found)) for number, (name, item) in enumerate(found.items())
    ]
    spread = [
        _curve(number, name, item, "mass", len(found), spread=True)
        for number, (name, item) in enumerate(found.items())
    ]
    draw_offsets(left.main, pt, "Median change of jet $p_T$ [GeV]", LEGEND)
    draw_offsets(middle.main, mass, "Median change of jet mass [GeV]", LEGEND)
    draw_offsets(right.main, spread, "Spread of the change of jet mass [GeV]")
    right.main.set_ylim(bottom=0)
    add_label(left.main, look)
    add_title(middle.main, f"{nominal.dataset}: two leading jets")
    n_jets = max(len(item.n_pu) for item in found.values())
    add_title(right.main, f"{n_jets:,} jets".replace(",", " "))
    return figure


def _curve(number: int, name: str, found: Offsets, what: str, n_curves: int, spread: bool = False) -> Offset:
    n_pu, median, error, width = found.binned(what, N_BINS)
    # Of a Gaussian, the error of this width is 1.30 times smaller than that of its median.
    values, errors = (width, error / 1.30) if spread else (median, error)
    mean, of_mean = found.per_interaction(what)
    label = name if spread else f"{name}: ${mean:+.2f} \\pm {of_mean:.2f}$ GeV"
    return Offset(
        label, series_colour(number, n_curves), _MARKERS[number % len(_MARKERS)], n_pu, values, errors
    )
