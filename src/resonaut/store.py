"""The event store: the file contract between ingest and everything else.

One HDF5 file per chunk; energies in GeV, angles in radian.

    events/gen_weight, events/run, events/lumi, events/event      (n_events,)
    events/mass         the resonant variable, GeV                (n_events,)
    events/label        class index; names in the attribute `label_names`; absent in data
    events/weights/<name>, events/n_pu                            optional
    jets/pt, eta, phi, mass, ...                                  (n_jets,) sorted by pt inside an event
    jets/matched        simulated: 1 where a resonance and all its quarks are within R of the axis, else 0
    jets/flavour        simulated: 5 with a b hadron of pt > 5 GeV within R, else 4 with a c hadron, else 0
    jets/event_offsets                                            (n_events + 1,)
    constituents/pt, eta, phi, mass, charge, pdg_class, d0, dz    (n_constituents,) those that the source has
    constituents/jet_offsets                                      (n_jets + 1,)
    gen_jets/pt, eta, phi, mass, gen_jets/event_offsets           optional
    features/<name>                                               (n_events,) of a table; no jets then
    hits/cell, hits/energy, hits/event_offsets                    cells of calorimeter showers; no jets then
    hits/time           ns, optional
    images/pixels       pictures, float32      (n_events, n_channels, rows, columns); no jets and no mass then

The attribute `level` says what events are: jets, table, showers, images. An absent column is absent, never
zeros; d0, dz (mm) of a neutral candidate are NaN. Reading is by slices of events.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from resonaut.errors import CorruptFileError, InputError, MismatchError, MissingBranchError, nearest
from resonaut.events import Columns, Events
from resonaut.files import canonical_json
from resonaut.hdf5 import creating, open_h5, write_attributes

SCHEMA_VERSION = 1
UNITS = {"energy": "GeV", "angle": "radian", "length": "mm"}

_CHUNK_ROWS = 16_384
# Pictures: what is compressed together, and what is read at a time, at most.
_CHUNK_BYTES, _SLICE_BYTES, _SLICE_HITS = 2**20, 2**25, 2**22
_DATASET = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
KINDS = {"f": "floating-point", "i": "whole", "u": "unsigned whole", "b": "truth"}
"""Kinds of values that a column holds, by numpy's letter, for messages."""


class StoreWriter:
    """Append slices of events to a store; memory does not grow with the number of slices.

    Rows are held back until they fill a chunk of HDF5, so that the file does not depend on how its events
    were sliced.

    Args:
        file: an open, writable HDF5 file (see `writing`).
        attributes: metadata of the chunk: dataset, label_names, sum_weights, cut_flow, ...
    """

    def __init__(self, file: h5py.File, attributes: Mapping[str, Any]) -> None:
        self._file = file
        self._waiting: dict[str, list[np.ndarray]] = {}
        self._last_offset: dict[str, int] = {}
        self._columns: dict[str, str] | None = None
        self._first_source = ""
        file.attrs["kind"] = "store"
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["units"] = canonical_json(UNITS)
        self.set_attributes(attributes)
        for group in ("events", "jets", "constituents"):
            file.create_group(group)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Write attributes; mappings and lists are stored as JSON text, in their own order."""
        write_attributes(self._file, attributes)

    def append(self, events: Events, source: str = "") -> None:
        """Append one slice.

        Args:
            source: where the slice is from, for the message.

        Raises:
            MismatchError: the slice has other columns than those before, or of another kind: a fraction that
                is written to a column of whole numbers would be lost.
        """
        groups: dict[str, tuple[Columns, str, np.ndarray | None]] = {
            "events": (events.events, "", None),
            "features": (events.features, "", None),
            "jets": (events.jets, "event_offsets", events.event_offsets),
            "constituents": (events.constituents, "jet_offsets", events.jet_offsets),
            "gen_jets": (events.gen_jets, "event_offsets", events.gen_jet_offsets),
            "hits": (events.hits, "event_offsets", events.hit_offsets),
            "images": (events.images, "", None),
        }
        kinds = {
            f"{group}/{name}": values.dtype.kind
            for group, item in groups.items()
            for name, values in item[0].items()
        }
        self._same_columns(kinds, source)
        for group, (columns, offsets_name, offsets) in groups.items():
            for name, values in sorted(columns.items()):
                self._extend(f"{group}/{name}", values)
            if offsets is not None and (columns or group == "jets"):
                self._extend_offsets(f"{group}/{offsets_name}", offsets)

    def _same_columns(self, columns: dict[str, str], source: str) -> None:
        if self._columns is None:
            self._columns, self._first_source = columns, source
        elif columns != self._columns:
            known = self._columns
            new, gone = sorted(columns.keys() - known.keys()), sorted(known.keys() - columns.keys())
            parts = [f"has {', '.join(new)}"] if new else []
            parts += [f"lacks {', '.join(gone)}"] if gone else []
            parts += [
                f"has {KINDS.get(columns[name])} and not {KINDS.get(known[name])} numbers in {name}"
                for name in sorted(columns.keys() & known.keys())
                if columns[name] != known[name]
            ]
            raise MismatchError(
                f"{source}: {' and '.join(parts)}, unlike {self._first_source or 'the events before'}. Files "
                "of one dataset must be of one version; make a dataset of each."
            )

    def mark(self) -> dict[str, Any]:
        """Where the store ends now, for `rollback`."""
        return {
            "lengths": {path: self._n_written(path) for path in self._waiting},
            "waiting": {path: list(parts) for path, parts in self._waiting.items()},
            "last_offset": dict(self._last_offset),
            "columns": self._columns,
        }

    def rollback(self, mark: Mapping[str, Any]) -> None:
        """Take back the slices that were appended since `mark`."""
        for path in self._waiting:
            if path in self._file:
                if mark["lengths"].get(path):
                    self._file[path].resize(mark["lengths"][path], axis=0)
                else:
                    del self._file[path]
        self._waiting = {path: list(parts) for path, parts in mark["waiting"].items()}
        self._last_offset = dict(mark["last_offset"])
        self._columns = mark["columns"]

    def _n_written(self, path: str) -> int:
        return len(self._file[path]) if path in self._file else 0

    def finish(self) -> None:
        """Write the rows that were held back."""
        for path in sorted(self._waiting):
            self._write(path, np.concatenate(self._waiting.pop(path)))

    def _extend(self, path: str, values: np.ndarray) -> None:
        waiting = self._waiting.setdefault(path, [])
        waiting.append(np.asarray(values))
        n_waiting = sum(map(len, waiting))
        in_chunk = _rows_in_chunk(waiting[0])
        if n_waiting >= in_chunk:
            together = np.concatenate(waiting)
            full = n_waiting - n_waiting % in_chunk
            self._write(path, together[:full])
            self._waiting[path] = [together[full:]]

    def _extend_offsets(self, path: str, offsets: np.ndarray) -> None:
        last = self._last_offset.get(path)
        shifted = np.asarray(offsets, np.int64) + (last or 0)
        self._last_offset[path] = int(shifted[-1])
        self._extend(path, shifted if last is None else shifted[1:])

    def _write(self, path: str, values: np.ndarray) -> None:
        if path not in self._file:
            shape, rows = values.shape[1:], _rows_in_chunk(values)
            options = {"maxshape": (None, *shape), "chunks": (rows, *shape), **_DATASET}
            self._file.create_dataset(path, dtype=values.dtype, shape=(0, *shape), **options)
        dataset = self._file[path]
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        dataset[start:] = values


@contextlib.contextmanager
def writing(path: str | os.PathLike, attributes: Mapping[str, Any]) -> Iterator[StoreWriter]:
    """Yield a `StoreWriter`; the store appears at `path` whole, or not at all."""
    with creating(path, {}) as file:
        writer = StoreWriter(file, attributes)
        yield writer
        writer.finish()


class Store:
    """Read a store by slices of events.

    Raises:
        MissingFileError, CorruptFileError: the file cannot be read, or has another schema version.
        InputError: it is another kind of file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = str(path)
        self._file = open_h5(path)
        kind = self._file.attrs.get("kind")
        if kind != "store":
            raise InputError(f"{path}: an event store is expected, got kind '{kind}'. Run `ingest` first.")
        version = self._file.attrs.get("schema_version")
        if version != SCHEMA_VERSION:
            raise CorruptFileError(
                f"{path}: schema_version is {version}, {SCHEMA_VERSION} is expected. Run `ingest` again."
            )
        self.attributes: dict[str, Any] = dict(self._file.attrs)
        self._event_offsets = self._file["jets/event_offsets"][:]

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._event_offsets) - 1

    def __contains__(self, path: str) -> bool:
        return path in self._file

    def _columns(self, group: str, start: int, stop: int, wanted: list[str] | None) -> Columns:
        present = set(_datasets(self._file[group])) - {"event_offsets", "jet_offsets"}
        for name in wanted or ():
            if name not in present:
                raise MissingBranchError(f"{self.path}: no {group}/{name}. {nearest(name, present)}")
        return {name: self._file[f"{group}/{name}"][start:stop] for name in sorted(wanted or present)}

    def read(
        self,
        start: int = 0,
        stop: int | None = None,
        *,
        constituents: list[str] | None = None,
        with_constituents: bool = True,
    ) -> Events:
        """Read events `start` to `stop` (exclusive).

        Args:
            constituents: names of the constituent columns wanted; all by default.
            with_constituents: False leaves the constituents on disk.
        """
        stop = len(self) if stop is None else min(stop, len(self))
        offsets = self._event_offsets[start : stop + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        events = Events(
            events=self._columns("events", start, stop, None),
            jets=self._columns("jets", first, last, None),
            event_offsets=offsets - first,
        )
        if with_constituents and "constituents/jet_offsets" in self._file:
            jet_offsets = self._file["constituents/jet_offsets"][first : last + 1]
            events.constituents = self._columns(
                "constituents", int(jet_offsets[0]), int(jet_offsets[-1]), constituents
            )
            events.jet_offsets = jet_offsets - jet_offsets[0]
        else:
            events.jet_offsets = np.zeros(last - first + 1, np.int64)
        if "gen_jets/event_offsets" in self._file:
            gen = self._file["gen_jets/event_offsets"][start : stop + 1]
            events.gen_jets = self._columns("gen_jets", int(gen[0]), int(gen[-1]), None)
            events.gen_jet_offsets = gen - gen[0]
        if "features" in self._file:
            events.features = self._columns("features", start, stop, None)
        if "images" in self._file:
            events.images = self._columns("images", start, stop, None)
        if "hits/event_offsets" in self._file:
            hits = self._file["hits/event_offsets"][start : stop + 1]
            events.hits = self._columns("hits", int(hits[0]), int(hits[-1]), None)
            events.hit_offsets = hits - hits[0]
        return events

    def slices(self, size: int = 10_000, **options: Any) -> Iterator[Events]:
        """Read the whole store by `size` events; an empty store is one empty slice.

        Pictures are read by 32 MiB, showers by about 4 million hits, if that is less.
        """
        for item in self._file.get("images", {}).values():
            size = max(1, min(size, _SLICE_BYTES // (item.dtype.itemsize * math.prod(item.shape[1:]))))
        if "hits/cell" in self._file:
            size = max(1, min(size, _SLICE_HITS * len(self) // max(1, len(self._file["hits/cell"]))))
        for start in range(0, max(1, len(self)), size):
            yield self.read(start, start + size, **options)


def _rows_in_chunk(values: np.ndarray) -> int:
    """Rows that are compressed together; fewer than usual where a row is a picture."""
    return max(1, min(_CHUNK_ROWS, _CHUNK_BYTES // (values.dtype.itemsize * math.prod(values.shape[1:]))))


def _datasets(group: h5py.Group) -> list[str]:
    """Names of the datasets of a group, those one level down as `<group>/<name>`."""
    names = []
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            names += [f"{name}/{inner}" for inner in item]
        else:
            names.append(name)
    return names
