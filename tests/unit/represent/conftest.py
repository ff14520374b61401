"""Small event stores, written through the ground floor only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resonaut import ragged, store
from resonaut.events import Events
from resonaut.kinematics import cartesian, from_cartesian

KINEMATICS = ("pt", "eta", "phi", "mass")


def events_of(jets: list[list[np.ndarray]]) -> Events:
    """Events from constituents: one (n_constituents, 3) array of pt, eta, phi per jet of each event."""
    counts = np.array([len(event) for event in jets])
    flat = [jet for event in jets for jet in event]
    pt, eta, phi = np.concatenate(flat).astype(np.float32).T
    constituents = {"pt": pt, "eta": eta, "phi": phi, "mass": np.zeros_like(pt)}
    jet_offsets = ragged.offsets_of(np.array([len(jet) for jet in flat]))
    total = [ragged.sums(values, jet_offsets) for values in cartesian(pt, eta, phi)]
    columns = dict(zip(KINEMATICS, (v.astype(np.float32) for v in from_cartesian(*total)), strict=True))
    constituents["charge"] = np.where(np.arange(len(pt)) % 2, 1, -1).astype(np.int32)
    number = len(jets)
    return Events(
        events={
            "run": np.ones(number, np.int64),
            "lumi": np.full(number, 2),
            "event": np.arange(number) + 10,
            "gen_weight": np.ones(number),
            "mass": np.zeros(number),
            "label": np.zeros(number, np.int32),
        },
        jets=columns,
        event_offsets=ragged.offsets_of(counts),
        constituents=constituents,
        jet_offsets=jet_offsets,
    )


def spray(random: np.random.Generator, pt: float, eta: float, phi: float, n: int) -> np.ndarray:
    """(n, 3) constituents of a jet, sorted by pt."""
    parts = random.exponential(pt / n, n) + 0.5
    rows = np.column_stack([parts, eta + random.normal(0, 0.2, n), phi + random.normal(0, 0.2, n)])
    rows[:, 2] = (rows[:, 2] + np.pi) % (2 * np.pi) - np.pi
    return rows[np.argsort(-rows[:, 0])]


def dijets(number: int, seed: int = 3) -> Events:
    """Events of two or three jets, some of them at large eta or soft."""
    random = np.random.default_rng(seed)
    events = []
    for _ in range(number):
        phi = random.uniform(-np.pi, np.pi)
        jets = [
            spray(random, pt, random.normal(0, 1.3), phi + side * np.pi, int(random.integers(3, 60)))
            for side, pt in enumerate(random.uniform(300, 1500, 2))
        ]
        if random.random() < 0.3:
            jets.append(spray(random, 80, 0.0, phi + 1.5, 5))
        events.append(sorted(jets, key=lambda rows: -rows[:, 0].sum()))
    made = events_of(events)
    order = np.lexsort((-made.jets["pt"], ragged.row_of(made.event_offsets)))
    if not (order == np.arange(len(order))).all():
        index, made.jet_offsets = ragged.take(made.jet_offsets, order)
        made.jets = {name: values[order] for name, values in made.jets.items()}
        made.constituents = {name: values[index] for name, values in made.constituents.items()}
    return made


def write_store(path: Path, events: Events, **attributes: Any) -> Path:
    """Write a store as `ingest` does."""
    head = {
        "dataset": "toy",
        "label": "qcd",
        "label_names": ["qcd"],
        "resonant_variable": "mjj",
        "n_events": len(events),
        "n_generated": 1000,
        "sum_weights": 1000.0,
        "cross_section": 2.0,
        "cut_flow": {"generated": 1000, "read": 1000, "ingest_mass": len(events)},
        **attributes,
    }
    with store.writing(path, head) as writer:
        writer.append(events)
    return path


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 300 events."""
    return write_store(tmp_path_factory.mktemp("toy") / "store.h5", dijets(300))


@pytest.fixture
def make_events() -> Callable[[list[list[np.ndarray]]], Events]:
    """Makes `Events` from constituents."""
    return events_of


@pytest.fixture
def make_store() -> Callable[..., Path]:
    """Writes a store."""
    return write_store
