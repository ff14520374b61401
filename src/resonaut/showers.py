"""Calorimeter showers in memory: cells with energy, flat with offsets, and what is known of the particle.

Energies in GeV. A geometry is the JSON value that the event store carries (`ingest.geometry`). Cartesian:
{"kind": "cartesian", "shape": [layers, rows, columns]}, cell (layer * rows + row) * columns + column.
Cylindrical: {"kind": "cylindrical", "layers": [{"id", "r_edges", "n_alpha"}, ...]}, cell first of its layer +
alpha * n_r + r.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import MismatchError


def n_cells(geometry: Mapping[str, Any]) -> int:
    """The number of cells of a geometry."""
    if geometry["kind"] == "cartesian":
        return math.prod(geometry["shape"])
    return sum((len(layer["r_edges"]) - 1) * layer["n_alpha"] for layer in geometry["layers"])


def dense_shape(geometry: Mapping[str, Any]) -> tuple[int, ...]:
    """Shape of one dense shower: (layers, rows, columns), or (voxels,) of a cylindrical geometry."""
    return tuple(geometry["shape"]) if geometry["kind"] == "cartesian" else (n_cells(geometry),)


def cell_layer(geometry: Mapping[str, Any]) -> np.ndarray:
    """Layer of each cell, counted from 0 among those with cells, (n_cells,) int32."""
    if geometry["kind"] == "cartesian":
        layers, rows, columns = geometry["shape"]
        return np.repeat(np.arange(layers, dtype=np.int32), rows * columns)
    sizes = [(len(layer["r_edges"]) - 1) * layer["n_alpha"] for layer in geometry["layers"]]
    return np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)


def require_same_geometry(
    found: Mapping[str, Any], source: Any, expected: Mapping[str, Any], reference: Any
) -> None:
    """Refuse showers of another binning.

    Raises:
        MismatchError: names both files and both binnings.
    """
    if dict(found) != dict(expected):
        raise MismatchError(
            f"{source}: showers of {_named(found)}, but {reference} holds showers of {_named(expected)}. "
            "Take one binning, or make two datasets."
        )


def _named(geometry: Mapping[str, Any]) -> str:
    if geometry["kind"] == "cartesian":
        return " x ".join(map(str, geometry["shape"])) + " cells"
    return f"{n_cells(geometry)} voxels in {len(geometry['layers'])} layers"


@dataclass(frozen=True)
class Showers:
    """Showers of one geometry.

    Attributes:
        geometry: see the module.
        cell: (n_hits,) int32 cells, rising inside a shower.
        energy: (n_hits,) float32 visible energy, GeV.
        offsets: (n_showers + 1,) int64 first hit of each shower, from 0.
        columns: what is known of each shower, (n_showers,) each: `incident_energy` (GeV), `theta`, `phi`, ...
    """

    geometry: Mapping[str, Any]
    cell: np.ndarray
    energy: np.ndarray
    offsets: np.ndarray
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def select(self, rows: np.ndarray) -> Showers:
        """Some showers, in the order of `rows`, (n,) row numbers."""
        take, offsets = ragged.take(self.offsets, rows)
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Showers(self.geometry, self.cell[take], self.energy[take], offsets, columns)

    def owner(self) -> np.ndarray:
        """Shower of each hit, (n_hits,) int64."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def visible(self) -> np.ndarray:
        """Sum of the cells of each shower, (n_showers,) float64, GeV."""
        return np.bincount(self.owner(), weights=self.energy, minlength=len(self))

    def dense(self) -> np.ndarray:
        """All cells, (n_showers, *dense_shape) float32, GeV; for a few thousand showers at a time."""
        cells = n_cells(self.geometry)
        found = np.zeros(len(self) * cells, np.float32)
        found[self.owner() * cells + self.cell] = self.energy
        return found.reshape(len(self), *dense_shape(self.geometry))


def from_dense(
    dense: np.ndarray, geometry: Mapping[str, Any], columns: Mapping[str, np.ndarray], threshold: float = 0.0
) -> Showers:
    """Showers of dense arrays; cells at or below the threshold (GeV) are dropped.

    Args:
        dense: (n, *dense_shape), GeV.
        geometry: of the cells.
        columns: of the showers.
        threshold: GeV.
    """
    flat = dense.reshape(len(dense), -1)
    kept = flat > threshold
    owner, cell = np.nonzero(kept)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(flat)))]).astype(np.int64)
    energy = flat[owner, cell].astype(np.float32, copy=False)
    return Showers(geometry, cell.astype(np.int32), energy, offsets, dict(columns))
