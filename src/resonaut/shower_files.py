"""Files of showers: what `represent showers` and generators write, and everything that reads showers reads.

One HDF5 file per chunk; energies in GeV, angles in radian.

    events/run, lumi, event, gen_weight, label, incident_energy, theta, phi, ...    (n_showers,)
    hits/cell           cell of each hit (see `resonaut.showers`), rising inside a shower; unsigned, 2 bytes
                        where the geometry has no more than 65,536 cells
    hits/energy         visible energy of each hit, GeV, float32
    hits/time           ns, float32; absent where it is not known
    hits/event_offsets  (n_showers + 1,) int64

Attributes: `kind` "showers", `geometry` (JSON), `n_events`, and those of every representation. Hits are
compressed without loss: a 30 x 30 x 30 shower of 540 hits takes about 2.2 kB (dense: 108 kB).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from resonaut.errors import BadValueError, CorruptFileError, EmptyFileError, InputError, MismatchError
from resonaut.hdf5 import creating, open_h5, write_attributes
from resonaut.showers import CARTESIAN_CELL, Showers, concatenate, n_cells, require_same_geometry

KIND = "showers"
UNKNOWN = {"kind": "cartesian", "shape": [1, 1, 1], "cell": CARTESIAN_CELL}
"""The geometry of a chunk without showers whose files do not say it."""

_ROWS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
_CHUNK_ROWS, _CHUNK_HITS = 4_096, 65_536
_READ_HITS = 2**22


class ShowerWriter:
    """Append showers to an open file: see the module for its layout.

    Args:
        file: an open, writable HDF5 file.
        geometry: of all showers.

    Attributes:
        n_showers, n_hits: that were written.
    """

    def __init__(self, file: h5py.File, geometry: Mapping[str, Any]) -> None:
        self._file = file
        self._geometry = geometry
        self._cell = np.uint16 if n_cells(geometry) <= 2**16 else np.uint32
        self.n_showers = self.n_hits = 0
        write_attributes(file, {"kind": KIND, "geometry": dict(geometry)})
        file.require_group("events")
        self._extend("hits/event_offsets", np.zeros(1, np.int64), _CHUNK_ROWS)

    def append(self, showers: Showers) -> None:
        """Append showers.

        Raises:
            MismatchError: they have another geometry, or other columns than those before.
            BadValueError: they cannot be showers (see `Showers.check`).
        """
        source = self._file.filename or "showers"
        require_same_geometry(showers.geometry, "the showers that are written", self._geometry, source)
        showers.check("the showers that are written")
        hits = {"cell": showers.cell.astype(self._cell), "energy": showers.energy.astype(np.float32)}
        if showers.time is not None:
            hits["time"] = showers.time.astype(np.float32)
        known = set(_names(self._file["events"])) if self.n_showers else set(showers.columns)
        if differ := sorted(known ^ set(showers.columns)):
            raise MismatchError(
                f"{source}: not all of the showers that are written have {', '.join(differ)}. Make a dataset "
                "of each."
            )
        for name, values in sorted(showers.columns.items()):
            self._extend(f"events/{name}", np.asarray(values), _CHUNK_ROWS)
        for name, values in hits.items():
            self._extend(f"hits/{name}", values, _CHUNK_HITS)
        self._extend("hits/event_offsets", showers.offsets[1:] + self.n_hits, _CHUNK_ROWS)
        self.n_showers += len(showers)
        self.n_hits += len(showers.cell)

    def _extend(self, path: str, values: np.ndarray, chunk_rows: int) -> None:
        if path not in self._file:
            options = {"maxshape": (None,), "chunks": (chunk_rows,), **_ROWS}
            self._file.create_dataset(path, dtype=values.dtype, shape=(0,), **options)
        dataset = self._file[path]
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        dataset[start:] = values


@contextlib.contextmanager
def writing(
    path: str | os.PathLike, geometry: Mapping[str, Any], attributes: Mapping[str, Any]
) -> Iterator[ShowerWriter]:
    """Yield a `ShowerWriter`; the file appears at `path` whole, with its `n_events`, or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with creating(path, {}) as file:
        writer = ShowerWriter(file, geometry)
        yield writer
        write_attributes(file, {"n_events": writer.n_showers, **attributes})


def write_showers(path: str | os.PathLike, showers: Showers, attributes: Mapping[str, Any]) -> None:
    """Write showers to a file of their own.

    Args:
        attributes: what else the file says: dataset, label, settings, cut_flow, provenance, ...

    Raises:
        BadValueError: they cannot be showers (see `Showers.check`).
        OutputError: the file cannot be written.
    """
    with writing(path, showers.geometry, attributes) as writer:
        writer.append(showers)


def read_showers(
    path: str | os.PathLike,
    rows: slice | np.ndarray | None = None,
    columns: Sequence[str] | None = None,
) -> Showers:
    """Read showers.

    Args:
        path: a file of kind `showers`.
        rows: a slice with step 1, or rising row numbers; all by default. Memory follows the rows wanted.
        columns: of the showers; all by default.

    Raises:
        MissingFileError, CorruptFileError: the file cannot be read, or its hits cannot be showers.
        InputError: it is of another kind, or a column is absent.
    """
    with open_h5(path) as file:
        geometry = _geometry(file, path)
        offsets = file["hits/event_offsets"][:]
        if not len(offsets) or (np.diff(offsets) < 0).any() or offsets[0] != 0:
            raise CorruptFileError(f"{path}: hits/event_offsets must start at 0 and not fall. Make it again.")
        present = sorted(_names(file["events"]))
        for name in columns or ():
            if name not in present:
                raise InputError(f"{path}: no column events/{name}; it has {', '.join(present)}.")
        wanted = present if columns is None else list(columns)
        parts = [
            _read(file, geometry, offsets, block, inside, wanted) for block, inside in _blocks(rows, offsets)
        ]
    showers = concatenate(parts) if len(parts) > 1 else parts[0]
    try:
        showers.check(path)
    except BadValueError as error:
        raise CorruptFileError(str(error)) from None
    return showers


def slices(path: str | os.PathLike, n_hits: int = _READ_HITS) -> Iterator[Showers]:
    """Read a file piece by piece, about `n_hits` hits at a time; one piece at least."""
    with open_h5(path) as file:
        offsets = file["hits/event_offsets"][:]
    edges = _edges(offsets, n_hits)
    for start, stop in itertools.pairwise(edges):
        yield read_showers(path, slice(start, stop))


def geometry_of(*paths: str | os.PathLike) -> dict[str, Any]:
    """The one geometry of files; those without showers do not count, unless all are such.

    Raises:
        MismatchError: the binnings differ; two files are named.
        EmptyFileError: no file has a shower.
    """
    known: list[tuple[Any, dict[str, Any]]] = []
    for path in paths:
        with open_h5(path) as file:
            geometry = _geometry(file, path)
            if len(file["hits/event_offsets"]) > 1:
                known.append((path, geometry))
    if not known:
        raise EmptyFileError(
            f"{', '.join(map(str, paths[:3]))}: no showers. None passed represent.showers (threshold, "
            "energy_min, energy_max, zero_energy), or none were ingested: the logs of both say how many."
        )
    reference, geometry = known[0]
    for path, found in known[1:]:
        require_same_geometry(found, path, geometry, reference)
    return geometry


def _geometry(file: h5py.File, path: Any) -> dict[str, Any]:
    kind = file.attrs.get("kind")
    if kind != KIND:
        raise InputError(f"{path}: showers are expected, got kind '{kind}'. Run `represent showers`.")
    try:
        return dict(json.loads(file.attrs["geometry"]))
    except (KeyError, ValueError, TypeError):
        raise CorruptFileError(f"{path}: no readable attribute 'geometry'. Make the file again.") from None


def _names(group: h5py.Group, above: str = "") -> Iterator[str]:
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            yield from _names(item, f"{above}{name}/")
        else:
            yield above + name


def _edges(offsets: np.ndarray, n_hits: int) -> np.ndarray:
    """First rows of pieces of about `n_hits` hits, and the number of rows."""
    rows = len(offsets) - 1
    steps = np.searchsorted(offsets, np.arange(0, offsets[-1], n_hits))
    return np.unique([0, *steps, rows]) if rows else np.array([0, 0])


def _blocks(
    rows: slice | np.ndarray | None, offsets: np.ndarray
) -> Iterator[tuple[slice, np.ndarray | None]]:
    """Rows that are read together, and which of them are wanted (None: all)."""
    n_rows = len(offsets) - 1
    if rows is None or isinstance(rows, slice):
        start, stop, step = (rows or slice(None)).indices(n_rows)
        if step != 1:
            raise ValueError("a slice of showers has step 1")
        yield slice(start, max(start, stop)), None
        return
    rows = np.asarray(rows, np.int64)
    if len(rows) and (rows[0] < 0 or rows[-1] >= n_rows or (np.diff(rows) <= 0).any()):
        raise ValueError(f"rising row numbers below {n_rows} are expected")
    if not len(rows):
        yield slice(0, 0), None
    edges = _edges(offsets, _READ_HITS)
    for start, stop in itertools.pairwise(edges):
        inside = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
        if len(inside):
            first, last = int(inside[0]), int(inside[-1]) + 1
            yield slice(first, last), inside - first


def _read(
    file: h5py.File,
    geometry: dict[str, Any],
    offsets: np.ndarray,
    block: slice,
    inside: np.ndarray | None,
    columns: list[str],
) -> Showers:
    first, last = int(offsets[block.start]), int(offsets[block.stop])
    showers = Showers(
        geometry,
        file["hits/cell"][first:last].astype(np.int32) if "hits/cell" in file else np.zeros(0, np.int32),
        file["hits/energy"][first:last] if "hits/energy" in file else np.zeros(0, np.float32),
        offsets[block.start : block.stop + 1] - first,
        {name: file[f"events/{name}"][block] for name in columns},
        file["hits/time"][first:last] if "hits/time" in file else None,
    )
    return showers if inside is None else showers.select(inside)
