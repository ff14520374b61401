"""Pairs of overlapping showers, made of single ones that are moved by whole cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import ConfigError
from resonaut.showers import Showers, n_cells

INPUTS = ("log_energy", "layer", "row", "column")
_MEV_PER_GEV = 1e3


@dataclass(frozen=True)
class Pairs:
    """Hits of pairs of showers; a cell that both hit is one hit.

    Attributes:
        geometry: cartesian.
        cell: (n_hits,) int64, rising inside a pair.
        energies: (n_hits, 2) float32 GeV that each shower left there.
        offsets: (n_pairs + 1,) int64.
        axes: (n_pairs, 2, 2) float64 row and column of the axis of each shower, cells from the centre.
    """

    geometry: Mapping[str, Any]
    cell: np.ndarray
    energies: np.ndarray
    offsets: np.ndarray
    axes: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def owner(self) -> np.ndarray:
        """(n_hits,) int64 pair of each hit."""
        return ragged.row_of(self.offsets)

    @property
    def distance(self) -> np.ndarray:
        """(n_pairs,) cells between the axes."""
        return np.hypot(*(self.axes[:, 1] - self.axes[:, 0]).T)

    def places(self) -> np.ndarray:
        """(n_hits, 3) float64 layer from 0, row and column in cells from the centre."""
        _, rows, columns = self.geometry["shape"]
        layer, place = np.divmod(self.cell, rows * columns)
        row, column = np.divmod(place, columns)
        return np.stack([layer, row - (rows - 1) / 2, column - (columns - 1) / 2], axis=1)

    def inputs(self) -> np.ndarray:
        """(n_hits, 4) float32, see `INPUTS`; ln(energy / MeV)."""
        log_energy = np.log(np.maximum(self.energies.sum(axis=1) * _MEV_PER_GEV, 1e-6))
        return np.column_stack([log_energy, self.places()]).astype(np.float32)


def overlap(showers: Showers, rows: np.ndarray, moves: np.ndarray) -> Pairs:
    """Put two showers each into one calorimeter; what leaves it is lost.

    Args:
        showers: whose axes are at the centre, or in the columns `impact_row` and `impact_column`, in cells.
        rows: (n_pairs, 2) row numbers.
        moves: (n_pairs, 2, 2) whole rows and columns that each is moved by.

    Raises:
        ConfigError: the cells are not cartesian.
    """
    if showers.geometry["kind"] != "cartesian":
        raise ConfigError(
            f"cluster: cartesian cells are expected, the showers are {showers.geometry['kind']}. Take others."
        )
    _, n_rows, n_columns = showers.geometry["shape"]
    chosen = showers.select(rows.ravel())
    single = chosen.owner()
    layer, place = np.divmod(chosen.cell.astype(np.int64), n_rows * n_columns)
    row, column = np.divmod(place, n_columns)
    row, column = np.stack([row, column]) + moves.reshape(-1, 2)[single].T.astype(np.int64)
    inside = (row >= 0) & (row < n_rows) & (column >= 0) & (column < n_columns)
    cell = ((layer * n_rows + row) * n_columns + column)[inside]
    pair, which = np.divmod(single[inside], 2)
    cells = n_cells(showers.geometry)
    key, hit = np.unique(pair * cells + cell, return_inverse=True)
    energies = np.bincount(hit * 2 + which, weights=chosen.energy[inside], minlength=2 * len(key))
    counts = np.bincount(key // cells, minlength=len(rows))
    axes = np.zeros((len(rows), 2, 2))
    for number, name in enumerate(("impact_row", "impact_column")):
        if name in showers.columns:
            axes[..., number] = np.asarray(showers.columns[name])[rows]
    return Pairs(
        *(showers.geometry, key % cells, energies.reshape(-1, 2).astype(np.float32)),
        *(ragged.offsets_of(counts), axes + moves),
    )


def draw(n_showers: int, n_pairs: int, distance_max: float, random: np.random.Generator) -> tuple:
    """Which showers make pairs, and where they stand.

    Args:
        n_showers: to choose from, two at least.
        n_pairs: to make; a shower stands in several pairs, never twice in one.
        distance_max: of the axes, cells; the distance is uniform from 0, then rounded to whole cells.
        random: of these pairs.

    Returns:
        rows (n_pairs, 2) and moves (n_pairs, 2, 2), see `overlap`; the pair's middle is at the centre.
    """
    first = random.integers(n_showers, size=n_pairs)
    rows = np.stack([first, (first + random.integers(1, n_showers, size=n_pairs)) % n_showers], axis=1)
    angle = random.uniform(0, 2 * np.pi, n_pairs)
    apart = random.uniform(0, distance_max, n_pairs)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    step = np.rint(apart).astype(np.int64)
    half = step // 2
    return rows, np.stack([-half, step - half], axis=1)
