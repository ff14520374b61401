"""The event store: the file contract between ingest and everything else.

One HDF5 file per chunk; energies in GeV, angles in radian.

    events/gen_weight, events/run, events/lumi, events/event      (n_events,)
    events/mass         the resonant variable, GeV                (n_events,)
    events/label        class index; names in the attribute `label_names`; absent in data
    events/weights/<name>, events/n_pu                            optional
    jets/pt, eta, phi, mass, ...                                  (n_jets,) sorted by pt inside an event
    jets/event_offsets                                            (n_events + 1,)
    constituents/pt, eta, phi, mass, charge, pdg_class, d0, dz    (n_constituents,) those that the source has
    constituents/jet_offsets                                      (n_jets + 1,)
    gen_jets/pt, eta, phi, mass, gen_jets/event_offsets           optional

An absent column is absent, never zeros; d0 and dz (mm) of a neutral candidate are NaN. Reading is by slices
of events.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from resonaut.errors import CorruptFileError, InputError, MissingBranchError, MissingFileError, nearest
from resonaut.events import Columns, Events
from resonaut.files import atomic, canonical_json

SCHEMA_VERSION = 1
UNITS = {"energy": "GeV", "angle": "radian", "length": "mm"}
PDG_CLASSES = ("unknown", "charged_hadron", "neutral_hadron", "photon", "electron", "muon")
"""Meaning of `constituents/pdg_class`."""

_CHUNK_ROWS = 16_384
_DATASET = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


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
        file.attrs["kind"] = "store"
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["units"] = canonical_json(UNITS)
        self.set_attributes(attributes)
        for group in ("events", "jets", "constituents"):
            file.create_group(group)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Write attributes; mappings and lists are stored as JSON text, in their own order."""
        write_attributes(self._file, attributes)

    def append(self, events: Events) -> None:
        """Append one slice; every slice has the same columns."""
        for name, values in sorted(events.events.items()):
            self._extend(f"events/{name}", values)
        for group, columns, offsets_name, offsets in (
            ("jets", events.jets, "event_offsets", events.event_offsets),
            ("constituents", events.constituents, "jet_offsets", events.jet_offsets),
            ("gen_jets", events.gen_jets, "event_offsets", events.gen_jet_offsets),
        ):
            if columns or group == "jets":
                for name, values in sorted(columns.items()):
                    self._extend(f"{group}/{name}", values)
                self._extend_offsets(f"{group}/{offsets_name}", offsets)

    def finish(self) -> None:
        """Write the rows that were held back."""
        for path in sorted(self._waiting):
            self._write(path, np.concatenate(self._waiting.pop(path)))

    def _extend(self, path: str, values: np.ndarray) -> None:
        waiting = self._waiting.setdefault(path, [])
        waiting.append(np.asarray(values))
        n_waiting = sum(map(len, waiting))
        if n_waiting >= _CHUNK_ROWS:
            together = np.concatenate(waiting)
            full = n_waiting - n_waiting % _CHUNK_ROWS
            self._write(path, together[:full])
            self._waiting[path] = [together[full:]]

    def _extend_offsets(self, path: str, offsets: np.ndarray) -> None:
        last = self._last_offset.get(path)
        shifted = np.asarray(offsets, np.int64) + (last or 0)
        self._last_offset[path] = int(shifted[-1])
        self._extend(path, shifted if last is None else shifted[1:])

    def _write(self, path: str, values: np.ndarray) -> None:
        if path not in self._file:
            self._file.create_dataset(
                path, dtype=values.dtype, shape=(0,), maxshape=(None,), chunks=(_CHUNK_ROWS,), **_DATASET
            )
        dataset = self._file[path]
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        dataset[start:] = values


def write_attributes(file: h5py.File, attributes: Mapping[str, Any]) -> None:
    """Write attributes of a file, sorted; mappings and lists are stored as JSON text, in their own order.

    A cut flow means something in its order only, so the keys of JSON are not sorted.
    """
    for name, value in sorted(attributes.items()):
        if isinstance(value, dict | list | tuple):
            value = json.dumps(value, separators=(",", ":"), allow_nan=False)
        file.attrs[name] = value


class _Disk(io.FileIO):
    """A new file whose failed writes are kept and not raised.

    HDF5 cannot close a file that it failed to write: it crashes, or fills the terminal. So it never hears of
    a full disk, but `creating` does, and raises.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__(path, "w+")
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of `data`, unless a write has failed."""
        if self.failure is None:
            try:
                rest = memoryview(data).cast("B")
                while len(rest):
                    rest = rest[super().write(rest) :]
            except OSError as error:
                self.failure = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file, unless a write has failed."""
        if self.failure is None:
            try:
                return super().truncate(size)
            except OSError as error:
                self.failure = error
        return size or 0


@contextlib.contextmanager
def creating(path: str | os.PathLike, attributes: Mapping[str, Any]) -> Iterator[h5py.File]:
    """Yield a new HDF5 file with `attributes`, that appears at `path` only if the block succeeds.

    Raises:
        OutputError: no space is left, or the folder cannot be written.
    """
    # `latest` stores long attributes (settings) that the old format refuses.
    with atomic(path) as part, _Disk(part) as disk:
        with h5py.File(disk, "w", libver="latest") as file:
            write_attributes(file, attributes)
            yield file
        if disk.failure is not None:
            raise disk.failure


@contextlib.contextmanager
def writing(path: str | os.PathLike, attributes: Mapping[str, Any]) -> Iterator[StoreWriter]:
    """Yield a `StoreWriter`; the store appears at `path` whole, or not at all."""
    with creating(path, {}) as file:
        writer = StoreWriter(file, attributes)
        yield writer
        writer.finish()


def open_h5(path: str | os.PathLike) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises:
        MissingFileError: no such file.
        CorruptFileError: not HDF5, or truncated.
    """
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
    except OSError as error:
        raise CorruptFileError(
            f"{path}: not a readable HDF5 file ({error}). Delete it and run its stage again."
        ) from None


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
        present = {n for n, item in self._file[group].items() if isinstance(item, h5py.Dataset)}
        present -= {"event_offsets", "jet_offsets"}
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
        return events

    def slices(self, size: int = 10_000, **options: Any) -> Iterator[Events]:
        """Read the whole store in slices of at most `size` events."""
        for start in range(0, len(self), size):
            yield self.read(start, start + size, **options)
