"""Calorimeter showers as inputs of taggers: a row is a shower, its values are its hits, sparse as in files.

Networks of cells get the number of each hit's cell and fill the cells batch by batch (`nn.networks.cells`):
540 hits of 27,000 cells take 4 kB in memory and not 108 kB. Networks of points get places.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError, CorruptFileError, MismatchError, MissingBranchError, nearest
from resonaut.shower_observables import Places, places

if TYPE_CHECKING:
    from resonaut.nn.samples import Samples

VISIBLE = "visible_energy"
"""Column of events that follows from the hits: their sum, GeV."""
COLUMNS = ("cell", "energy", "log_energy", "layer", "row", "column", "time")
_CELL = re.compile(r"cell/([0-9]+)x([0-9]+)x([0-9]+)")
_MEV_PER_GEV = 1e3


def cell_input(shape: Sequence[int]) -> str:
    """The input that is the cell of a hit in showers of this shape, which are no others."""
    return "cell/" + "x".join(map(str, shape))


class Showers:
    """A row is a shower: its hits, in the order of their cells.

    Inputs: `energy` (GeV); `log_energy`, ln(energy / MeV); `layer` from 0; `row` and `column`, in cells from
    the centre of the face (mm in cylindrical geometries); `time`, ns; and `cell/LxRxC`, the number of the
    cell in a calorimeter of L layers of R x C cells. See `representations.Representation`.
    """

    def rows(self, inputs: Sequence[str]) -> str:
        """See `Representation`."""
        return "events"

    def rows_per_event(self, file: h5py.File, inputs: Sequence[str], path: Path) -> int:
        """See `Representation`."""
        return 1

    def read(
        self, file: Any, inputs: Sequence[str], events: np.ndarray, path: Path
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Representation`.

        Raises:
            MismatchError: the showers are of another shape than the inputs say.
            CorruptFileError: no readable geometry.
        """
        geometry = _geometry(file, path)
        where = places(geometry)
        take, offsets = ragged.take(_hits(file, "event_offsets", path)[:].astype(np.int64), events)
        cell = _hits(file, "cell", path)[:][take].astype(np.int64)
        flat = np.empty((len(take), len(inputs)), np.float32)
        for number, name in enumerate(inputs):
            flat[:, number] = _column(name, file, cell, take, where, geometry, path)
        bad = ~np.isfinite(flat)
        if bad.any():
            hit, number = (int(i) for i in np.argwhere(bad)[0])
            row = int(events[np.searchsorted(offsets, hit, side="right") - 1])
            raise BadValueError(
                f"{path}: {inputs[number]} is {flat[hit, number]} in a hit of row {row}; finite values are "
                "expected. Run `ingest` and `represent showers` again for this chunk."
            )
        return flat, offsets

    def samples(self, flat: np.ndarray, offsets: np.ndarray, *columns: np.ndarray) -> Samples:
        """See `Representation`: padded hits and their mask."""
        from resonaut.nn.samples import RaggedSamples

        return RaggedSamples(flat, offsets, *columns)


class WithVisible:
    """A chunk of showers whose events have their `visible_energy` too; reads like an open file.

    Args:
        file: the open chunk.
        path: of the chunk, for the messages.
    """

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._file, self._path = file, path

    def __contains__(self, name: str) -> bool:
        return name in self._file

    def __iter__(self) -> Iterator[str]:
        return iter(self._file)

    @property
    def attrs(self) -> Any:
        """Of the file."""
        return self._file.attrs

    def __getitem__(self, name: str) -> Any:
        if name == "events":
            return [*self._file[name], VISIBLE]
        if name != f"events/{VISIBLE}" or name in self._file:
            return self._file[name]
        offsets = _hits(self._file, "event_offsets", self._path)[:].astype(np.int64)
        return ragged.sums(_hits(self._file, "energy", self._path)[:].astype(np.float64), offsets)

    def get(self, name: str, default: Any) -> Any:
        """As of an open file."""
        return self[name] if name in self._file else default


def _column(
    name: str,
    file: Any,
    cell: np.ndarray,
    take: np.ndarray,
    where: Places,
    geometry: dict[str, Any],
    path: Path,
) -> np.ndarray:
    """One input of the hits."""
    if found := _CELL.fullmatch(name):
        shape = [int(size) for size in found.groups()]
        if geometry["kind"] != "cartesian" or list(geometry["shape"]) != shape:
            stored = geometry.get("shape", f"{len(geometry.get('layers', []))} cylindrical layers")
            raise MismatchError(
                f"{path}: showers of {stored}, but the tagger is for {shape} (layers, rows, columns). Set "
                "its 'shape' to that of the showers, or represent.showers.regroup."
            )
        # Whole numbers are exact in float32 up to 2^24.
        if math.prod(shape) > 2**24:
            raise MismatchError(f"{path}: {math.prod(shape)} cells; at most {2**24} can be read as cells.")
        return cell
    if name in ("layer", "row", "column"):
        return getattr(where, name)[cell]
    if name in ("energy", "time"):
        return _hits(file, name, path)[:][take]
    if name == "log_energy":
        # A cell of no energy counts as one of a millionth of an MeV.
        return np.log(np.maximum(_hits(file, "energy", path)[:][take] * _MEV_PER_GEV, 1e-6))
    raise MissingBranchError(f"{path}: showers have no input '{name}'. {nearest(name, COLUMNS)}")


def _hits(file: Any, name: str, path: Path) -> h5py.Dataset:
    if f"hits/{name}" not in file:
        held = ", ".join(sorted(file["hits"])) if "hits" in file else "nothing"
        raise MissingBranchError(
            f"{path}: no hits/{name}; it holds {held}. Times are there if the dataset has them "
            "(time_resolution of simulated showers)."
        )
    return file[f"hits/{name}"]


def _geometry(file: Any, path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.attrs["geometry"]))
    except (KeyError, ValueError, TypeError):
        raise CorruptFileError(
            f"{path}: no readable attribute 'geometry'. Run `represent showers` again."
        ) from None
