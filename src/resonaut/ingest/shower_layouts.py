"""Showers of an open HDF5 file, dense or sparse, by slices of rows and without empty cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import CorruptFileError
from resonaut.events import Columns
from resonaut.ingest.batch import Ragged
from resonaut.ingest.hdf5file import KIND, dataset, same_rows
from resonaut.ingest.rootfile import reading

GEV_PER_MEV = 1e-3
_PIECE_BYTES = 2**25
_ANGLES = {"theta": ("theta", "incident_theta"), "phi": ("phi", "incident_phi")}


class Showers:
    """What every layout has: the incident particle.

    Args:
        file: `h5py.File`.
        path: of the file, for messages.
        group: that the datasets are in, "" or "30x30/".
        energy: dataset of the incident energies, (n, 1) or (n,).
        gev_per_unit: of the incident energies.
    """

    def __init__(self, file: Any, path: str, group: str, energy: str, gev_per_unit: float) -> None:
        self.path = path
        self._gev_per_unit = gev_per_unit
        self._incident = {"incident_energy": _per_shower(file, path, f"{group}{energy}")}
        with reading(path, KIND):
            present = set(file[group] if group else file)
        for column, names in _ANGLES.items():
            for name in names:
                if name in present:
                    self._incident[column] = _per_shower(file, path, f"{group}{name}")
        self.n_showers = same_rows(path, *self._incident.values())

    def incident(self, start: int, stop: int) -> Columns:
        """(stop - start,) float64 columns: `incident_energy` (GeV); `theta`, `phi` where they are known."""
        with reading(self.path, KIND):
            columns = {
                name: np.asarray(item[start:stop], np.float64).reshape(-1)
                for name, item in self._incident.items()
            }
        columns["incident_energy"] *= self._gev_per_unit
        return columns


class DenseShowers(Showers):
    """All cells of each shower, MeV.

    Args:
        deposits: dataset of the cells, (n, ...).
        n_dimensions: of `deposits`.

    Attributes:
        shape: of one shower.
    """

    def __init__(
        self,
        file: Any,
        path: str,
        group: str,
        energy: str,
        gev_per_unit: float,
        deposits: str,
        n_dimensions: int,
    ) -> None:
        super().__init__(file, path, group, energy, gev_per_unit)
        self._deposits = dataset(file, path, f"{group}{deposits}", n_dimensions)
        self.shape: tuple[int, ...] = self._deposits.shape[1:]
        same_rows(path, *self._incident.values(), self._deposits)

    def hits(self, start: int, stop: int) -> Ragged:
        """Cells of showers: `cell` (int32) and `energy` (float32, GeV); 32 MiB are read at a time."""
        row_bytes = math.prod(self.shape) * self._deposits.dtype.itemsize
        step = max(1, _PIECE_BYTES // row_bytes)
        pieces = [self._piece(first, min(first + step, stop)) for first in range(start, stop, step)]
        counts, cells, energies = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        return Ragged({"cell": cells, "energy": energies}, ragged.offsets_of(counts))

    def _piece(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with reading(self.path, KIND):
            values = self._deposits[start:stop].reshape(stop - start, -1)
        filled = values != 0
        cell = np.nonzero(filled)[1].astype(np.int32)
        return np.count_nonzero(filled, axis=1), cell, (values[filled] * GEV_PER_MEV).astype(np.float32)


class SparseShowers(Showers):
    """The cells that hold energy: `offsets` (n + 1,), `cell` and `deposit` (MeV).

    Args:
        shape: layers, rows and columns of the calorimeter.
    """

    def __init__(self, file: Any, path: str, shape: tuple[int, ...]) -> None:
        super().__init__(file, path, "", "energy", 1.0)
        self.shape = shape
        self._offsets = dataset(file, path, "offsets", 1, kinds="iu")
        self._cell = dataset(file, path, "cell", 1, kinds="iu")
        self._deposit = dataset(file, path, "deposit", 1, kinds="f")
        same_rows(path, self._cell, self._deposit)
        if len(self._offsets) != self.n_showers + 1:
            raise CorruptFileError(
                f"{path}: {len(self._offsets)} offsets for {self.n_showers} showers; one more than showers "
                "is expected. Copy or make it again."
            )

    def hits(self, start: int, stop: int) -> Ragged:
        """Cells of showers: `cell` (int32) and `energy` (float32, GeV).

        Raises:
            CorruptFileError: offsets or cells point out of the file or of the calorimeter.
        """
        n_cells = math.prod(self.shape)
        with reading(self.path, KIND):
            offsets = self._offsets[start : stop + 1].astype(np.int64)
        counts = np.diff(offsets)
        first, last = int(offsets[0]), int(offsets[-1])
        bad = (counts < 0) | (counts > n_cells)
        if bad.any() or first < 0 or last > len(self._cell):
            entry = start + int(np.argmax(bad))
            raise CorruptFileError(
                f"{self.path}: offsets {first} to {last} of {len(self._cell)} cells, with "
                f"{counts[entry - start]} in entry {entry}; rising offsets and at most {n_cells} cells per "
                "shower are expected. Copy or make it again."
            )
        with reading(self.path, KIND):
            cell, deposit = self._cell[first:last], self._deposit[first:last]
        outside = (cell < 0) | (cell >= n_cells)
        if outside.any():
            where = int(np.argmax(outside))
            entry = start + int(np.searchsorted(offsets, first + where, side="right")) - 1
            raise CorruptFileError(
                f"{self.path}: cell {cell[where]} in entry {entry}, below {n_cells} is expected. Is the "
                f"option 'shape: {list(self.shape)}' right?"
            )
        energy = (deposit * GEV_PER_MEV).astype(np.float32)
        hits = Ragged({"cell": cell.astype(np.int32), "energy": energy}, offsets - first)
        return hits.keep(energy != 0)


def _per_shower(file: Any, path: str, name: str) -> Any:
    """A dataset with one number per shower, (n,) or (n, 1)."""
    with reading(path, KIND):
        n_dimensions = 2 if len(getattr(file.get(name), "shape", None) or ()) == 2 else 1
    item = dataset(file, path, name, n_dimensions)
    if n_dimensions == 2 and item.shape[1] != 1:
        raise CorruptFileError(
            f"{path}: the dataset '{name}' has shape {item.shape}; one number per shower, (n, 1), is "
            "expected. Is '--reader' the right one?"
        )
    return item
