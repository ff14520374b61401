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

An absent column is absent, never zeros. Reading is by slices of events.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from resonaut.errors import BadValueError, CorruptFileError, MissingBranchError, MissingFileError, nearest
from resonaut.files import atomic, canonical_json

SCHEMA_VERSION = 1
UNITS = {"energy": "GeV", "angle": "radian", "length": "mm"}
PDG_CLASSES = ("unknown", "charged_hadron", "neutral_hadron", "photon", "electron", "muon")
"""Meaning of `constituents/pdg_class`."""

Columns = dict[str, np.ndarray]


@dataclass
class Events:
    """A slice of a store. Offsets start at 0 for the slice.

    Attributes:
        events: columns of shape (n_events,).
        jets: columns of shape (n_jets,).
        event_offsets: (n_events + 1,) first jet of each event.
        constituents: columns of shape (n_constituents,); empty where the source has none.
        jet_offsets: (n_jets + 1,) first constituent of each jet.
        gen_jets: columns of shape (n_gen_jets,); empty where the source has none.
        gen_jet_offsets: (n_events + 1,).
    """

    events: Columns
    jets: Columns
    event_offsets: np.ndarray
    constituents: Columns = field(default_factory=dict)
    jet_offsets: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    gen_jets: Columns = field(default_factory=dict)
    gen_jet_offsets: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))

    def __len__(self) -> int:
        return len(self.event_offsets) - 1

    def check(self, source: str) -> None:
        """Raise BadValueError where a kinematic value is not finite or offsets do not fit the columns."""
        groups = {"events": self.events, "jets": self.jets, "constituents": self.constituents}
        for group, columns in groups.items():
            for name, values in columns.items():
                if values.dtype.kind == "f" and not np.isfinite(values).all():
                    row = int(np.flatnonzero(~np.isfinite(values))[0])
                    raise BadValueError(
                        f"{source}: {group}/{name} is {values[row]} in row {row}; finite values are expected. "
                        "Remove such events before ingestion."
                    )
        for offsets, columns, name in (
            (self.event_offsets, self.jets, "jets"),
            (self.jet_offsets, self.constituents, "constituents"),
            (self.gen_jet_offsets, self.gen_jets, "gen_jets"),
        ):
            for column, values in columns.items():
                if len(values) != offsets[-1]:
                    raise BadValueError(
                        f"{source}: {name}/{column} has {len(values)} rows, its offsets end at {offsets[-1]}."
                    )


_DATASET = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class StoreWriter:
    """Append slices of events to a store; memory does not grow with the number of slices.

    Args:
        file: an open, writable HDF5 file (see `writing`).
        attributes: metadata of the chunk: dataset, label_names, sum_weights, cut_flow, ...
    """

    def __init__(self, file: h5py.File, attributes: Mapping[str, Any]) -> None:
        self._file = file
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["units"] = canonical_json(UNITS)
        self.set_attributes(attributes)
        for group in ("events", "jets", "constituents"):
            file.create_group(group)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Write attributes; mappings and lists are stored as JSON text."""
        for name, value in sorted(attributes.items()):
            self._file.attrs[name] = canonical_json(value) if isinstance(value, dict | list) else value

    def _extend(self, path: str, values: np.ndarray) -> None:
        if path not in self._file:
            chunk = (max(1, min(len(values), 65536)),)
            self._file.create_dataset(path, data=values, maxshape=(None,), chunks=chunk, **_DATASET)
            return
        dataset = self._file[path]
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        dataset[start:] = values

    def _extend_offsets(self, path: str, offsets: np.ndarray) -> None:
        if path not in self._file:
            self._extend(path, np.asarray(offsets, np.int64))
            return
        self._extend(path, np.asarray(offsets[1:], np.int64) + int(self._file[path][-1]))

    def append(self, events: Events) -> None:
        """Append one slice."""
        for name, values in sorted(events.events.items()):
            self._extend(f"events/{name}", values)
        for name, values in sorted(events.jets.items()):
            self._extend(f"jets/{name}", values)
        self._extend_offsets("jets/event_offsets", events.event_offsets)
        if events.constituents:
            for name, values in sorted(events.constituents.items()):
                self._extend(f"constituents/{name}", values)
            self._extend_offsets("constituents/jet_offsets", events.jet_offsets)
        if events.gen_jets:
            for name, values in sorted(events.gen_jets.items()):
                self._extend(f"gen_jets/{name}", values)
            self._extend_offsets("gen_jets/event_offsets", events.gen_jet_offsets)


class writing:
    """Context manager: `with writing(path, attributes) as writer: writer.append(...)`, whole or not at all."""

    def __init__(self, path: str | os.PathLike, attributes: Mapping[str, Any]) -> None:
        self._atomic = atomic(path)
        self._attributes = attributes

    def __enter__(self) -> StoreWriter:
        self._file = h5py.File(self._atomic.__enter__(), "w", libver="latest")
        return StoreWriter(self._file, self._attributes)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        try:
            self._file.close()
        except Exception as closing:
            kind, error, trace = kind or type(closing), error or closing, trace or closing.__traceback__
        return bool(self._atomic.__exit__(kind, error, trace))


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
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = str(path)
        self._file = open_h5(path)
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
