"""Histograms of each event, as a sparse matrix, so that those of a run are one product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resonaut import ragged
from resonaut.detect.monitor.faults import no_noise
from resonaut.detect.monitor.settings import Axis
from resonaut.errors import EmptyFileError, MissingBranchError, nearest
from resonaut.events import Columns, Events
from resonaut.manifest import Manifest
from resonaut.store import Store

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Histograms = Mapping[str, tuple[Axis, ...]]
Change = Callable[[Events], tuple[Events, Columns, np.ndarray]]


def n_bins(histograms: Histograms) -> dict[str, int]:
    """Bins of each histogram."""
    return {name: int(np.prod([axis.bins for axis in axes])) for name, axes in histograms.items()}


def read(manifest: Manifest, n_events_max: int) -> list[Events]:
    """Events of a dataset, chunk by chunk, the first `n_events_max`.

    Raises:
        EmptyFileError: there are none.
        MissingBranchError: they have no constituents.
    """
    found: list[Events] = []
    left = n_events_max
    for path in manifest.chunks:
        with Store(path) as store:
            events = store.read(0, left, constituents=_wanted(store, path))
        if len(events):
            found.append(events)
        left -= len(events)
        if left <= 0:
            break
    if not found:
        raise EmptyFileError(
            f"{manifest.path}: no events. Loosen ingest.preselection, or make more of '{manifest.dataset}'."
        )
    return found


def _wanted(store: Store, path: Path) -> list[str]:
    if "constituents/jet_offsets" not in store:
        raise MissingBranchError(
            f"{path}: no constituents, which faults of a detector change. Ingest a format that holds them "
            "('ingest.constituents: required'), or watch another dataset."
        )
    return ["pt", "eta", "phi"]


def of_events(events: Events, histograms: Histograms, change: Change | None = None) -> csr_matrix:
    """Counts of each event in all bins, one histogram behind the other.

    Args:
        events: a slice of a store.
        histograms: axes by name.
        change: what goes wrong; None for good events.

    Returns:
        (n_events, n_bins) counts.

    Raises:
        MissingBranchError: a column is absent.
    """
    from scipy.sparse import csr_matrix

    events, noise, noise_event = (events, *no_noise()) if change is None else change(events)
    event_of_jet = ragged.row_of(events.event_offsets)
    rows: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    first = 0
    for name, axes in histograms.items():
        index: np.ndarray | int = 0
        for axis in axes:
            index = index * axis.bins + _bin(_values(events, axis.column, noise, name), axis)
        group = axes[0].column.partition("/")[0]
        owner = {"events": np.arange(len(events)), "jets": event_of_jet}.get(group)
        if owner is None:
            owner = np.concatenate([event_of_jet[ragged.row_of(events.jet_offsets)], noise_event])
        rows.append(owner)
        columns.append(first + np.asarray(index))
        first += int(np.prod([axis.bins for axis in axes]))
    row, column = np.concatenate(rows), np.concatenate(columns)
    return csr_matrix((np.ones(len(row), np.float32), (row, column)), shape=(len(events), first))


def _values(events: Events, path: str, noise: Columns, histogram: str) -> np.ndarray:
    group, _, name = path.partition("/")
    if path == "jets/n_constituents":
        return np.diff(events.jet_offsets)
    if path == "events/n_jets":
        return np.diff(events.event_offsets)
    there = events.constituents if group == "constituents" else events.jets
    if name not in there:
        raise MissingBranchError(
            f"histograms.{histogram}: the store has no {path}. {nearest(name, there)} Leave it out."
        )
    return np.concatenate([there[name], noise[name]]) if group == "constituents" else there[name]


def _bin(values: np.ndarray, axis: Axis) -> np.ndarray:
    """Number of the bin of each value; those beyond the ends in the first and the last."""
    edges = np.array([axis.low, axis.high], float)
    values = values.astype(np.float64)
    if axis.log:
        values, edges = np.log(np.maximum(values, 1e-30)), np.log(edges)
    share = (values - edges[0]) / (edges[1] - edges[0])
    return np.clip((share * axis.bins).astype(np.int64), 0, axis.bins - 1)
