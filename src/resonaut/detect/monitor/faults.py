"""Faults of a detector, put into events: a dead region, a noisy cell, a shifted energy scale.

Jets follow their constituents: pt and mass are multiplied by what the scalar sum of pt is multiplied by, and
a jet that loses all constituents is dropped. The noise of a cell is in no jet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from resonaut import ragged
from resonaut.detect.monitor.settings import Faults
from resonaut.events import Columns, Events
from resonaut.kinematics import delta_phi

Fault = Callable[[Events, float, Faults, np.random.Generator], tuple[Events, Columns, np.ndarray]]
"""Events, size, where -> events, and constituents outside jets with the event of each."""


def no_noise() -> tuple[Columns, np.ndarray]:
    """No constituents outside jets."""
    return {name: np.zeros(0) for name in ("pt", "eta", "phi")}, np.zeros(0, np.int64)


def dead_region(
    events: Events, size: float, where: Faults, rng: np.random.Generator
) -> tuple[Events, Columns, np.ndarray]:
    """Nothing is measured in a square of this side (radian) around `where.position`."""
    eta, phi = events.constituents["eta"], events.constituents["phi"]
    inside = np.abs(eta - where.position[0]) < size / 2
    inside &= np.abs(delta_phi(phi, np.full(len(phi), where.position[1]))) < size / 2
    before = ragged.sums(events.constituents["pt"].astype(np.float64), events.jet_offsets)
    constituents = {name: values[~inside] for name, values in events.constituents.items()}
    jet_offsets = ragged.keep(events.jet_offsets, ~inside)
    after = ragged.sums(constituents["pt"].astype(np.float64), jet_offsets)
    left = np.diff(jet_offsets) > 0
    factor = np.divide(after, before, out=np.ones_like(after), where=before > 0)
    jets = {name: values[left] for name, values in _scaled(events.jets, factor).items()}
    event_offsets = ragged.keep(events.event_offsets, left)
    counts = np.diff(jet_offsets)[left]
    changed = replace(
        events,
        jets=jets,
        event_offsets=event_offsets,
        constituents=constituents,
        jet_offsets=ragged.offsets_of(counts),
    )
    return changed, *no_noise()


def hot_cell(
    events: Events, size: float, where: Faults, rng: np.random.Generator
) -> tuple[Events, Columns, np.ndarray]:
    """A cell at `where.position` measures `where.hot_pt` in a Poisson number of times, `size` on average."""
    counts = rng.poisson(size, len(events))
    event = np.repeat(np.arange(len(events)), counts)
    eta, phi = where.position
    values = {"pt": where.hot_pt, "eta": eta, "phi": phi}
    return events, {name: np.full(len(event), value) for name, value in values.items()}, event


def scale(
    events: Events, size: float, where: Faults, rng: np.random.Generator
) -> tuple[Events, Columns, np.ndarray]:
    """All energies are multiplied by 1 + size."""
    constituents = _scaled(events.constituents, np.float64(1 + size))
    return replace(
        events, constituents=constituents, jets=_scaled(events.jets, np.float64(1 + size))
    ), *no_noise()


def _scaled(columns: Columns, factor: np.ndarray | np.float64) -> Columns:
    return {**columns, **{name: columns[name] * factor for name in ("pt", "mass") if name in columns}}


FAULTS: dict[str, Fault] = {"dead_region": dead_region, "hot_cell": hot_cell, "scale": scale}
