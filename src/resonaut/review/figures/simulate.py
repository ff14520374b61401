"""Detector level against generator level: the response of jets, and the mass of the two leading jets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.errors import EmptyFileError, InputError
from resonaut.manifest import Manifest
from resonaut.plot.histograms import Histogram, Series, draw_histograms, nice_edges
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.reading import manifests
from resonaut.store import Events, Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

DELTA_R_MAX = 0.4
N_LEADING = 2
NEEDED = ("pt", "eta", "phi", "mass")


@dataclass(frozen=True)
class Comparison:
    """Both levels of one dataset.

    Attributes:
        response: (n_matched,) pt of a jet over that of its generator jet.
        generated_mass: (n_events with two generator jets,) GeV.
        mass: (n_events,) resonant mass at detector level, GeV.
    """

    response: np.ndarray
    generated_mass: np.ndarray
    mass: np.ndarray


def _leading(offsets: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Event and row of the `n` leading jets of each event, flat."""
    event = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    row = np.arange(offsets[-1])
    kept = row - offsets[event] < n
    return event[kept], row[kept]


def response(events: Events, n_leading: int = N_LEADING, delta_r_max: float = DELTA_R_MAX) -> np.ndarray:
    """pt(detector) / pt(generator) of the leading jets whose nearest generator jet is near enough.

    Args:
        events: with generator jets.
        n_leading: jets per event that are matched.
        delta_r_max: largest distance in (eta, phi).

    Returns:
        (n_matched,).
    """
    event, row = _leading(events.event_offsets, n_leading)
    offsets = events.gen_jet_offsets
    n_gen = np.diff(offsets)[event]
    event, row, n_gen = event[n_gen > 0], row[n_gen > 0], n_gen[n_gen > 0]
    if not len(row):
        return np.zeros(0)
    starts = np.concatenate([[0], np.cumsum(n_gen)[:-1]])
    pair = np.repeat(np.arange(len(row)), n_gen)
    gen_row = np.arange(len(pair)) - starts[pair] + offsets[event[pair]]
    jet, gen = events.jets, events.gen_jets
    delta_phi = np.remainder(jet["phi"][row[pair]] - gen["phi"][gen_row] + np.pi, 2 * np.pi) - np.pi
    distance = np.hypot(jet["eta"][row[pair]] - gen["eta"][gen_row], delta_phi)
    smallest = np.minimum.reduceat(distance, starts)
    chosen = (distance == smallest[pair]) & (distance < delta_r_max)
    return np.asarray(jet["pt"][row[pair]] / gen["pt"][gen_row], np.float64)[chosen]


def generated_mass(events: Events) -> np.ndarray:
    """Invariant mass of the two leading generator jets, GeV, of the events that have two."""
    offsets = events.gen_jet_offsets
    first = offsets[:-1][np.diff(offsets) >= 2]
    gen = {name: events.gen_jets[name].astype(np.float64) for name in NEEDED}
    total = np.zeros((4, len(first)))
    for row in (first, first + 1):
        pt, eta, phi, mass = (gen[name][row] for name in NEEDED)
        p_x, p_y, p_z = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
        total += np.sqrt(p_x**2 + p_y**2 + p_z**2 + mass**2), p_x, p_y, p_z
    energy, *momentum = total
    return np.sqrt(np.maximum(energy**2 - sum(part**2 for part in momentum), 0.0))


def centre_and_width(values: np.ndarray) -> tuple[float, float]:
    """Mean, and half the width of the central 68.27 %."""
    low, high = np.quantile(values, [0.158655, 0.841345])
    return float(values.mean()), float((high - low) / 2)


def _slices(manifest: Manifest) -> Iterator[Events]:
    for path in manifest.chunks:
        with Store(path) as store:
            yield from store.slices(with_constituents=False)


def compare(manifest: Manifest) -> Comparison | None:
    """Both levels of a dataset; None where it has no generator jets.

    Raises:
        EmptyFileError: no events, or no jet is matched.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    for events in _slices(manifest):
        if not events.gen_jets:
            return None
        parts.append((response(events), generated_mass(events), events.events["mass"]))
    if not parts or not sum(len(part[0]) for part in parts):
        raise EmptyFileError(
            f"{manifest.path}: no jet of '{manifest.dataset}' has a generator jet within {DELTA_R_MAX:g}; "
            "check the jet radius of the simulation and of ingest.jets."
        )
    return Comparison(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the response and the two masses of every dataset that has generator jets."""
    found = manifests(inputs["stores"], "store")
    look = look.with_datasets(found)
    compared = {name: compare(manifest) for name, manifest in found.items() if sum(manifest.n_events)}
    levels = {name: comparison for name, comparison in compared.items() if comparison is not None}
    if not levels:
        raise InputError(
            f"{', '.join(map(str, inputs['stores']))}: no generator jets (gen_jets) in any dataset; "
            "this figure compares simulated datasets."
        )
    figure, [[left, right]] = panels([Row((False, False))], width=6.2)
    edges = nice_edges([level.response for level in levels.values()], 50, tail=0.001)
    series = []
    for name, level in levels.items():
        mean, width = centre_and_width(level.response)
        histogram = Histogram.of(level.response, edges, unit_area=True)
        series.append(Series(histogram, f"{name}: mean {mean:.3f}, width {width:.3f}", look.colour(name)))
    width = edges[1] - edges[0]
    draw_histograms(
        left,
        series,
        r"$p_T$(detector) / $p_T$(generator)",
        f"Fraction of jets / {width:g}",
        legend_title=f"{N_LEADING} leading jets, $\\Delta R$ < {DELTA_R_MAX:g}",
    )
    add_label(left.main, look)
    edges = nice_edges([part for level in levels.values() for part in (level.mass, level.generated_mass)], 35)
    series = []
    for name, level in levels.items():
        generated = Histogram.of(level.generated_mass, edges, unit_area=True)
        measured = Histogram.of(level.mass, edges, unit_area=True)
        series.append(Series(generated, f"{name}, generator", look.colour(name)))
        series.append(Series(measured, f"{name}, detector", look.colour(name), "points"))
    width = edges[1] - edges[0]
    draw_histograms(right, series, "$m_{jj}$ [GeV]", f"Fraction of events / {width:g} GeV", log=True)
    add_title(right.main, "After the preselection")
    return figure
