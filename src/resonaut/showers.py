"""Calorimeter showers in memory: cells with energy, flat with offsets, and what is known of the particle.

Energies in GeV. A geometry is the JSON value that the event store carries (`ingest.geometry`). Cartesian:
{"kind": "cartesian", "shape": [layers, rows, columns]}, cell (layer * rows + row) * columns + column.
Cylindrical: {"kind": "cylindrical", "layers": [{"id", "r_edges", "n_alpha"}, ...]}, cell first of its layer +
alpha * n_r + r.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError, ConfigError, MismatchError

CARTESIAN_CELL = "(layer * rows + row) * columns + column"


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
        time: (n_hits,) float32 time of each hit, ns; None where it is not known.
    """

    geometry: Mapping[str, Any]
    cell: np.ndarray
    energy: np.ndarray
    offsets: np.ndarray
    columns: Mapping[str, np.ndarray]
    time: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def select(self, rows: np.ndarray) -> Showers:
        """Some showers, in the order of `rows`, (n,) row numbers."""
        take, offsets = ragged.take(self.offsets, rows)
        columns = {name: values[rows] for name, values in self.columns.items()}
        time = None if self.time is None else self.time[take]
        return Showers(self.geometry, self.cell[take], self.energy[take], offsets, columns, time)

    def keep(self, mask: np.ndarray) -> Showers:
        """All showers, with only the hits where the (n_hits,) `mask` is true."""
        time = None if self.time is None else self.time[mask]
        offsets = ragged.keep(self.offsets, mask)
        return Showers(self.geometry, self.cell[mask], self.energy[mask], offsets, self.columns, time)

    def owner(self) -> np.ndarray:
        """Shower of each hit, (n_hits,) int64."""
        return ragged.row_of(self.offsets)

    def visible(self) -> np.ndarray:
        """Sum of the cells of each shower, (n_showers,) float64, GeV."""
        return np.bincount(self.owner(), weights=self.energy, minlength=len(self))

    def dense(self) -> np.ndarray:
        """All cells, (n_showers, *dense_shape) float32, GeV; for a few thousand showers at a time."""
        cells = n_cells(self.geometry)
        found = np.zeros(len(self) * cells, np.float32)
        found[self.owner() * cells + self.cell] = self.energy
        return found.reshape(len(self), *dense_shape(self.geometry))

    def check(self, source: Any) -> None:
        """Check offsets, cells, energies and times.

        Args:
            source: where the showers are from, for the message.

        Raises:
            BadValueError: offsets do not fit the hits, a cell is outside of the geometry or stands twice or
                out of order in its shower, or an energy is negative or no number.
        """
        counts = np.diff(self.offsets)
        if not len(self.offsets) or self.offsets[0] != 0 or (counts < 0).any():
            raise BadValueError(f"{source}: the offsets of the hits must start at 0 and not fall.")
        times = {} if self.time is None else {"time": self.time}
        for name, values in {"cell": self.cell, "energy": self.energy, **times}.items():
            if len(values) != self.offsets[-1]:
                raise BadValueError(
                    f"{source}: hits/{name} has {len(values)} rows, the offsets end at {self.offsets[-1]}."
                )
        cells = n_cells(self.geometry)
        same = np.diff(self.owner()) == 0
        faults = {
            "cell": (self.cell < 0) | (self.cell >= cells),
            "energy": ~((self.energy >= 0) & np.isfinite(self.energy)),
            "order": np.concatenate([[False], same & (np.diff(self.cell) <= 0)])[: len(self.cell)],
            **({"time": ~np.isfinite(self.time)} if self.time is not None else {}),
        }
        expected = {
            "cell": f"a cell from 0 to {cells - 1}",
            "energy": "a finite energy that is not negative",
            "order": "a higher cell than the one before",
            "time": "a finite time",
        }
        for name, wrong in faults.items():
            if wrong.any():
                hit = int(np.argmax(wrong))
                found = (self.cell if name == "order" else getattr(self, name))[hit]
                shower = int(np.searchsorted(self.offsets, hit, side="right")) - 1
                raise BadValueError(
                    f"{source}: hits/{'cell' if name == 'order' else name} is {found} in shower {shower}; "
                    f"{expected[name]} is expected. Make the showers again."
                )


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
    flat = dense.reshape(len(dense), n_cells(geometry))
    kept = flat > threshold
    owner, cell = np.nonzero(kept)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(flat)))]).astype(np.int64)
    energy = flat[owner, cell].astype(np.float32, copy=False)
    return Showers(geometry, cell.astype(np.int32), energy, offsets, dict(columns))


def concatenate(parts: Sequence[Showers], sources: Sequence[Any] | None = None) -> Showers:
    """Showers of several parts, one after another; they must have the same columns.

    Parts without showers count only where all are: a chunk whose files were skipped knows no geometry.

    Args:
        parts: at least one.
        sources: where the parts are from, for the messages.

    Raises:
        MismatchError: the parts have different binnings, different columns, or only some have times.
    """
    names = list(sources) if sources is not None else [f"part {number}" for number in range(len(parts))]
    filled = [(part, name) for part, name in zip(parts, names, strict=True) if len(part)]
    if not filled:
        return parts[0]
    first, reference = filled[0]
    for part, name in filled[1:]:
        require_same_geometry(part.geometry, name, first.geometry, reference)
        differ = sorted(_known(part) ^ _known(first))
        if differ:
            raise MismatchError(
                f"{name} and {reference}: only one of them has {', '.join(differ)}. Make their showers alike."
            )
    chosen = [part for part, _ in filled]
    counts = np.concatenate([np.diff(part.offsets) for part in chosen])
    return Showers(
        first.geometry,
        np.concatenate([part.cell for part in chosen]),
        np.concatenate([part.energy for part in chosen]),
        ragged.offsets_of(counts),
        {name: np.concatenate([part.columns[name] for part in chosen]) for name in first.columns},
        None if first.time is None else np.concatenate([part.time for part in chosen]),
    )


def _known(showers: Showers) -> set[str]:
    return {*showers.columns, *(() if showers.time is None else ("hits/time",))}


def merged(showers: Showers) -> Showers:
    """Showers with each cell once, rising: energies of one cell are added, its first time is kept."""
    owner = showers.owner()
    key = owner * n_cells(showers.geometry) + showers.cell
    if (np.diff(key) > 0).all():
        return showers
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.concatenate([[True], np.diff(key) > 0]))
    energy = np.add.reduceat(showers.energy[order].astype(np.float64), first).astype(np.float32)
    time = None if showers.time is None else np.minimum.reduceat(showers.time[order], first)
    counts = np.bincount(owner[order][first], minlength=len(showers))
    cell = showers.cell[order][first]
    return Showers(showers.geometry, cell, energy, ragged.offsets_of(counts), showers.columns, time)


def regrouped(showers: Showers, factors: Sequence[int]) -> Showers:
    """Neighbouring cells taken together: 30 x 30 x 30 cells by (2, 2, 2) are 15 x 15 x 15.

    The impact position, `impact_row` and `impact_column` in cells, is divided too.

    Args:
        showers: of a cartesian geometry.
        factors: cells that become one along layers, rows and columns.

    Raises:
        ConfigError: the cells are not cartesian, or a factor does not divide their number.
    """
    geometry = regrouped_geometry(showers.geometry, factors)
    _, rows, columns = showers.geometry["shape"]
    layer, place = np.divmod(showers.cell, rows * columns)
    row, column = np.divmod(place, columns)
    _, new_rows, new_columns = geometry["shape"]
    cell = (layer // factors[0] * new_rows + row // factors[1]) * new_columns + column // factors[2]
    known = dict(showers.columns)
    for name, factor in (("impact_row", factors[1]), ("impact_column", factors[2])):
        if name in known:
            known[name] = known[name] / factor
    coarse = Showers(geometry, cell.astype(np.int32), showers.energy, showers.offsets, known, showers.time)
    return merged(coarse)


def regrouped_geometry(geometry: Mapping[str, Any], factors: Sequence[int]) -> dict[str, Any]:
    """The geometry of `regrouped` showers: sizes of cells, if it says them, do not hold any more, and go.

    Raises:
        ConfigError: see `regrouped`.
    """
    if geometry["kind"] != "cartesian":
        raise ConfigError(
            f"represent.showers.regroup: {list(factors)}: only cartesian cells can be taken together, the "
            f"showers have {_named(geometry)}. Leave it out."
        )
    shape = geometry["shape"]
    if any(size % factor for size, factor in zip(shape, factors, strict=True)):
        raise ConfigError(
            f"represent.showers.regroup: {list(factors)} does not divide the {_named(geometry)}. Take "
            "divisors of layers, rows and columns."
        )
    coarse = [size // factor for size, factor in zip(shape, factors, strict=True)]
    return {"kind": "cartesian", "shape": coarse, "cell": CARTESIAN_CELL}
