"""The ROOT file of a simulated chunk: TTrees `Events` and `Runs`, in the manner of NanoAOD."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

EVENT_COLUMNS = {
    "run": np.uint32,
    "luminosityBlock": np.uint32,
    "event": np.uint64,
    "genWeight": np.float64,
}
WEIGHT_PREFIX = "weight_"
COLLECTIONS = {
    "PFCand": {
        "pt": np.float32,
        "eta": np.float32,
        "phi": np.float32,
        "mass": np.float32,
        "charge": np.int32,
        "pdgClass": np.int32,
        "d0": np.float32,
        "dz": np.float32,
    },
    "GenJet": {"pt": np.float32, "eta": np.float32, "phi": np.float32, "mass": np.float32},
    "GenPart": {
        "pt": np.float32,
        "eta": np.float32,
        "phi": np.float32,
        "mass": np.float32,
        "pdgId": np.int32,
        "status": np.int32,
    },
    "HeavyHadron": {
        "pt": np.float32,
        "eta": np.float32,
        "phi": np.float32,
        "mass": np.float32,
        "pdgId": np.int32,
    },
}
OPTIONAL_COLLECTIONS = {
    "Truth": {
        "pt": np.float32,
        "eta": np.float32,
        "phi": np.float32,
        "mass": np.float32,
        "pdgId": np.int32,
        "parent": np.int32,
    },
}
"""Collections that a file has only where its process has them."""
Collection = tuple[dict[str, np.ndarray], np.ndarray]
"""Columns and the offsets of the events in them."""


class ChunkWriter:
    """Write batches of events; memory does not grow with their number.

    `content_digest` covers the names, types and values of all columns and the counts, however they are split
    into batches. ROOT files of equal content differ in their time stamps, so that what comes later records
    this and not the hash of the file.

    Args:
        path: of the new file.
        optional: names of the `OPTIONAL_COLLECTIONS` that this file has.
        weights: names of the event weights that this file has, branches `weight_<name>`.
    """

    def __init__(self, path: Path, optional: Sequence[str] = (), weights: Sequence[str] = ()) -> None:
        self._file = uproot.recreate(path, compression=uproot.ZSTD(3))
        self._of_events = EVENT_COLUMNS | {f"{WEIGHT_PREFIX}{name}": np.float64 for name in weights}
        branches: dict[str, Any] = {name: np.dtype(kind) for name, kind in self._of_events.items()}
        self._collections = COLLECTIONS | {name: OPTIONAL_COLLECTIONS[name] for name in optional}
        for collection, columns in self._collections.items():
            record = ", ".join(f"{name}: {np.dtype(kind).name}" for name, kind in columns.items())
            branches[collection] = f"var * {{{record}}}"
        self._tree = self._file.mktree("Events", branches)
        self._hashes: dict[str, Any] = {}

    def write(self, events: dict[str, np.ndarray], collections: dict[str, Collection]) -> None:
        """Append a batch: one value per event, and columns with offsets per collection."""
        data: dict[str, Any] = {}
        for name, kind in self._of_events.items():
            data[name] = self._seen(name, np.ascontiguousarray(events[name], dtype=kind))
        for collection, columns in self._collections.items():
            values, offsets = collections[collection]
            self._seen(f"n{collection}", np.diff(offsets).astype(np.int32))
            contents = [
                ak.contents.NumpyArray(
                    self._seen(f"{collection}_{name}", np.ascontiguousarray(values[name], dtype=kind))
                )
                for name, kind in columns.items()
            ]
            record = ak.contents.RecordArray(contents, list(columns))
            data[collection] = ak.Array(
                ak.contents.ListOffsetArray(ak.index.Index64(np.ascontiguousarray(offsets, np.int64)), record)
            )
        self._tree.extend(data)

    def finish(self, runs: dict[str, Any]) -> str:
        """Write the one row of `Runs`, close the file, and return the content digest.

        Args:
            runs: numbers and strings.
        """
        total = hashlib.sha256()
        for name in sorted(self._hashes):
            total.update(f"{name}:{self._hashes[name].hexdigest()}\n".encode())
        for name in sorted(runs):
            total.update(f"{name}={runs[name]!r}\n".encode())
        row = {**runs, "content_digest": total.hexdigest()}
        arrays = {
            name: ak.Array([value]) if isinstance(value, str) else np.array([value])
            for name, value in row.items()
        }
        types = {
            name: "string" if isinstance(value, str) else arrays[name].dtype for name, value in row.items()
        }
        self._file.mktree("Runs", types).extend(arrays)
        self._file.close()
        return row["content_digest"]

    def __enter__(self) -> ChunkWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._file.closed:
            self._file.close()

    def _seen(self, name: str, values: np.ndarray) -> np.ndarray:
        if name not in self._hashes:
            self._hashes[name] = hashlib.sha256(values.dtype.str.encode())
        self._hashes[name].update(values)
        return values
