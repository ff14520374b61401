"""Showers of an open HDF5 file, dense or sparse, by slices of rows and without empty cells."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import CorruptFileError
from resonaut.events import Columns
from resonaut.ingest.batch import Ragged
from resonaut.ingest.hdf5file import KIND, dataset, same_rows
from resonaut.ingest.rootfile import reading
from resonaut.showers import n_cells

GEV_PER_MEV = 1e-3
_PIECE_BYTES = 2**25
_RESERVED = {"run", "lumi", "event", "gen_weight", "incident_energy", "mass"}
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
        """(stop - start,) columns: `incident_energy` (GeV); `theta`, `phi` and others where they are known.

        Fractions are float64, whole numbers int64 (`label`: int32).
        """
        with reading(self.path, KIND):
            columns = {name: item[start:stop].reshape(-1) for name, item in self._incident.items()}
        for name, values in columns.items():
            whole = np.int32 if name == "label" else np.int64
            columns[name] = values.astype(whole if values.dtype.kind in "iu" else np.float64)
        columns["incident_energy"] = columns["incident_energy"] * self._gev_per_unit
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
    """The cells that hold energy: `offsets` (n + 1,), `cell`, `deposit` (MeV), and `time` (ns) if known.

    What else is known of each shower stands in `columns/<name>`, (n,): `impact_row`, `impact_column`, ...; a
    `label` counts the attribute `label_names` (JSON).

    Args:
        geometry: of the cells (see `ingest.geometry`).
        advice: how the geometry can be mended, for the message.

    Attributes:
        label_names: classes that `columns/label` counts; empty without.
        n_generated: showers before any selection: the attribute, or those that there are.
    """

    def __init__(self, file: Any, path: str, geometry: dict[str, Any], advice: str) -> None:
        super().__init__(file, path, "", "energy", 1.0)
        self.geometry = geometry
        self._advice = advice
        self._offsets = dataset(file, path, "offsets", 1, kinds="iu")
        self._cell = dataset(file, path, "cell", 1, kinds="iu")
        self._deposit = dataset(file, path, "deposit", 1, kinds="f")
        with reading(path, KIND):
            self._time = dataset(file, path, "time", 1, kinds="f") if "time" in file else None
            further = sorted(file["columns"]) if "columns" in file else []
            self.n_generated = int(file.attrs.get("n_generated", self.n_showers))
        same_rows(path, self._cell, self._deposit, *([self._time] if self._time else []))
        if len(self._offsets) != self.n_showers + 1:
            raise CorruptFileError(
                f"{path}: {len(self._offsets)} offsets for {self.n_showers} showers; one more than showers "
                "is expected. Copy or make it again."
            )
        for name in further:
            if name in _RESERVED or name in self._incident:
                raise CorruptFileError(
                    f"{path}: columns/{name}: this name is taken ({', '.join(sorted(_RESERVED))} and what "
                    "stands beside 'energy'). Give the column another one."
                )
            self._incident[name] = dataset(file, path, f"columns/{name}", 1)
        same_rows(path, *self._incident.values())
        self.label_names = self._labels(file, path) if "label" in self._incident else ()

    def _labels(self, file: Any, path: str) -> tuple[str, ...]:
        with reading(path, KIND):
            values, text = self._incident["label"][:], file.attrs.get("label_names", "absent")
        try:
            names = tuple(map(str, json.loads(text)))
        except (ValueError, TypeError):
            names = ()
        if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= len(names):
            raise CorruptFileError(
                f"{path}: columns/label holds {values.min()} to {values.max()} and the attribute "
                f"'label_names' is {text}; whole numbers that count a JSON list of names are expected. Make "
                "it again."
            )
        return names

    def hits(self, start: int, stop: int) -> Ragged:
        """Cells of showers: `cell` (int32), `energy` (float32, GeV), `time` (float32, ns) where it is known.

        Raises:
            CorruptFileError: offsets or cells point out of the file or of the calorimeter.
        """
        cells = n_cells(self.geometry)
        with reading(self.path, KIND):
            offsets = self._offsets[start : stop + 1].astype(np.int64)
        counts = np.diff(offsets)
        first, last = int(offsets[0]), int(offsets[-1])
        bad = (counts < 0) | (counts > cells)
        if bad.any() or first < 0 or last > len(self._cell):
            entry = start + int(np.argmax(bad))
            raise CorruptFileError(
                f"{self.path}: offsets {first} to {last} of {len(self._cell)} cells, with "
                f"{counts[entry - start]} in entry {entry}; rising offsets and at most {cells} cells per "
                "shower are expected. Copy or make it again."
            )
        with reading(self.path, KIND):
            cell, deposit = self._cell[first:last], self._deposit[first:last]
            time = {} if self._time is None else {"time": self._time[first:last].astype(np.float32)}
        outside = (cell < 0) | (cell >= cells)
        if outside.any():
            where = int(np.argmax(outside))
            entry = start + int(np.searchsorted(offsets, first + where, side="right")) - 1
            raise CorruptFileError(
                f"{self.path}: cell {cell[where]} in entry {entry}, below {cells} is expected. {self._advice}"
            )
        energy = (deposit * GEV_PER_MEV).astype(np.float32)
        hits = Ragged({"cell": cell.astype(np.int32), "energy": energy, **time}, offsets - first)
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
