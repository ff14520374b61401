"""Small ntuples and tables, written with the libraries that others write them with, and what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

LAYOUTS = ("nested", "jet_index", "counts", "index")
EVENTS = {"run": "RunNumber", "lumi": "lbn", "event": "EventNumber", "gen_weight": "w", "label": "isSignal"}


def jets_with_constituents(n_events: int, seed: int) -> dict[str, Any]:
    """Events of 0 to 3 jets by falling pt, each with 1 to 5 constituents by falling pt; GeV.

    Returns:
        jets, constituents: columns; jet_offsets of the events, constituent_offsets of the jets; more columns.
    """
    random = np.random.default_rng(seed)
    n_jets = random.integers(0, 4, n_events)
    n_members = random.integers(1, 6, n_jets.sum())
    jet_offsets = np.concatenate([[0], np.cumsum(n_jets)])
    constituent_offsets = np.concatenate([[0], np.cumsum(n_members)])
    return {
        "jets": {
            **_objects(random, jet_offsets, 500),
            "tau1": random.uniform(0, 1, n_jets.sum()).astype("f4"),
        },
        "constituents": {
            **_objects(random, constituent_offsets, 20),
            "charge": random.integers(-1, 2, n_members.sum()).astype(np.int32),
            "d0": random.normal(0, 1, n_members.sum()).astype(np.float32),
        },
        "jet_offsets": jet_offsets,
        "constituent_offsets": constituent_offsets,
        "run": np.full(n_events, 3, np.int32),
        "lumi": np.arange(n_events, dtype=np.int32) // 4,
        "event": np.arange(n_events, dtype=np.int64) + 10**12,
        "gen_weight": random.normal(1, 1, n_events),
        "label": random.integers(0, 2, n_events).astype(np.int32),
    }


def _objects(random: np.random.Generator, offsets: np.ndarray, scale: float) -> dict[str, np.ndarray]:
    n = int(offsets[-1])
    pt = random.exponential(scale, n) + 1
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    columns = {
        "pt": pt[np.lexsort((-pt, row))],
        "eta": random.normal(0, 1, n),
        "phi": random.uniform(-3.14, 3.14, n),
        "mass": random.uniform(0.1, 1, n),
    }
    return {name: values.astype(np.float32) for name, values in columns.items()}


def write_flat(
    path: Path, n_events: int, seed: int, layout: str = "nested", rntuple: bool = True
) -> dict[str, Any]:
    """Write an ntuple, and return what it holds and the mapping that says so (`options`).

    TTrees of nested lists cannot be written with uproot: `layout` is not 'nested' there.
    """
    truth = jets_with_constituents(n_events, seed)
    n_jets, n_members = np.diff(truth["jet_offsets"]), np.diff(truth["constituent_offsets"])
    per_event = np.diff(truth["constituent_offsets"][truth["jet_offsets"]])
    event_of_jet = np.repeat(np.arange(n_events), n_jets)
    jet_in_event = np.arange(n_jets.sum()) - truth["jet_offsets"][event_of_jet]
    branches: dict[str, Any] = {branch: truth[name] for name, branch in EVENTS.items()}
    branches |= {f"jet_{name}": ak.unflatten(values, n_jets) for name, values in truth["jets"].items()}
    constituents: dict[str, Any] = {name: f"pf_{name}" for name in truth["constituents"]}
    order = np.arange(n_members.sum())
    if layout == "jet_index":
        constituents["jet_index"] = "pf_jet"
        branches["pf_jet"] = ak.unflatten(np.repeat(jet_in_event, n_members).astype(np.int32), per_event)
    elif layout in ("counts", "index"):
        constituents["counts"] = "jet_n"
        branches["jet_n"] = ak.unflatten(n_members.astype(np.int32), n_jets)
    if layout == "index":
        # The candidates of an event stand in the file in the reverse of the order in which jets name them.
        first = np.repeat(truth["constituent_offsets"][truth["jet_offsets"][:-1]], per_event)
        reverse = np.repeat(per_event, per_event) - 1 - (order - first)
        order = first + reverse
        constituents["index"] = "jet_members"
        branches["jet_members"] = ak.unflatten(reverse.astype(np.int32), per_event)
    for name, values in truth["constituents"].items():
        if layout == "nested":
            branches[f"pf_{name}"] = ak.unflatten(ak.unflatten(values, n_members), n_jets)
        else:
            branches[f"pf_{name}"] = ak.unflatten(values[order], per_event)
    with uproot.recreate(path) as file:
        if rntuple:
            file.mkrntuple("ntuple", branches)
        else:
            file.mktree("ntuple", {name: _type(values) for name, values in branches.items()}).extend(branches)
    truth["options"] = {
        "tree": "ntuple",
        "events": EVENTS,
        "jets": {name: f"jet_{name}" for name in truth["jets"]},
        "constituents": constituents,
        "label_names": ["background", "signal"],
    }
    return truth


def _type(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return np.dtype((values.dtype, values.shape[1:])) if values.ndim > 1 else values.dtype
    return values.type.content


def write_tree(path: Path, branches: dict[str, Any]) -> Path:
    """Write some branches, arrays of numpy or awkward, as the TTree `events`."""
    with uproot.recreate(path) as file:
        tree = file.mktree("events", {name: _type(values) for name, values in branches.items()})
        if len(next(iter(branches.values()))):
            tree.extend(branches)
    return path


def table(n_rows: int, seed: int) -> dict[str, np.ndarray]:
    """A table of events: mass in TeV, two features, label and weight."""
    random = np.random.default_rng(seed)
    return {
        "mjj": random.exponential(1, n_rows) + 2.5,
        "tau21": random.uniform(0, 1, n_rows),
        "m_1": random.exponential(0.1, n_rows),
        "is_signal": (random.uniform(0, 1, n_rows) < 0.1).astype(np.float64),
        "weight": random.normal(1, 0.2, n_rows),
    }


def write_table(path: Path, n_events: int, seed: int) -> dict[str, np.ndarray]:
    """Write a table as the suffix says (.npy, .csv, .parquet, .h5, .root), and return its columns."""
    columns = table(n_events, seed)
    if path.suffix == ".npy":
        np.save(path, np.stack(list(columns.values()), axis=1))
    elif path.suffix == ".csv":
        rows = np.stack(list(columns.values()), axis=1)
        np.savetxt(path, rows, fmt="%.17g", delimiter=",", header=",".join(columns), comments="")
    elif path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table(columns), path, row_group_size=max(1, n_events // 3))
    elif path.suffix == ".h5":
        import h5py

        with h5py.File(path, "w") as file:
            for name, values in columns.items():
                file.create_dataset(f"events/{name}", data=values, chunks=True)
    else:
        write_tree(path, columns)
    return columns
