"""Spots of energy, and the cells that they fall into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.simulate.showers.conditions import Conditions
from resonaut.simulate.showers.geometry import Calorimeter

LIGHT = 299.792458
"""Speed of light, mm/ns."""


@dataclass(frozen=True)
class Spots:
    """Deposits of a slice of showers, before cells.

    Attributes:
        owner, layer: (n_spots,) shower in the slice, and layer.
        radius: (n_spots,) distance to the shower's axis, mm, in the plane across the axis.
        energy: (n_spots,) visible energy, MeV.
        delay: (n_spots,) ns after a particle at the speed of light along the axis.
    """

    owner: np.ndarray
    layer: np.ndarray
    radius: np.ndarray
    energy: np.ndarray
    delay: np.ndarray


@dataclass(frozen=True)
class Hits:
    """Cells with energy of a slice of showers, sorted by shower and cell.

    Attributes:
        n_showers: in the slice.
        owner, cell: (n_hits,) shower in the slice, and cell.
        deposit: (n_hits,) visible energy, MeV.
        time: (n_hits,) ns after the particle passed the front; energy-weighted.
    """

    n_showers: int
    owner: np.ndarray
    cell: np.ndarray
    deposit: np.ndarray
    time: np.ndarray

    def select(self, rows: np.ndarray) -> Hits:
        """Some of the hits."""
        return Hits(self.n_showers, self.owner[rows], self.cell[rows], self.deposit[rows], self.time[rows])


def together(parts: list[Spots]) -> Spots:
    """Spots of several components."""
    names = ("owner", "layer", "radius", "energy", "delay")
    return Spots(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def spread(
    visible: np.ndarray, counts: np.ndarray, owner: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Share the energy of layers among spots, whose energies are exponential: MeV of every layer are kept.

    Args:
        visible: (n, n_layers) MeV.
        counts: (n, n_layers) spots; a layer with energy has one at least.
        owner: (n,) shower of each row.
        rng: random numbers.

    Returns:
        (n_spots,) each: row * n_layers + layer, shower, layer, energy in MeV.
    """
    n_layers = visible.shape[1]
    at = np.repeat(np.arange(counts.size, dtype=np.int32), counts.ravel())
    weight = rng.standard_exponential(len(at), np.float32)
    total = np.bincount(at, weight, counts.size)
    scale = np.divide(visible.ravel(), total, out=np.zeros(counts.size), where=total > 0).astype(np.float32)
    return at, owner[at // n_layers], at % n_layers, weight * scale[at]


def place(spots: Spots, conditions: Conditions, calorimeter: Calorimeter, rng: np.random.Generator) -> Hits:
    """Turn spots around their axes and add up those of a cell; spots outside of the calorimeter are lost.

    A plane at depth z is met at the impact point + z tan(theta) (cos(phi), sin(phi)); distances along that
    direction are longer by 1 / cos(theta), as the profile across the axis is projected along the axis.
    """
    n_spots, owner, layer = len(spots.owner), spots.owner, spots.layer
    angle = rng.random(n_spots, np.float32) * np.float32(2 * np.pi)
    along, across = spots.radius * np.cos(angle), spots.radius * np.sin(angle)
    x = (conditions.impact_column * calorimeter.cell_size).astype(np.float32)[owner]
    y = (conditions.impact_row * calorimeter.cell_size).astype(np.float32)[owner]
    z = calorimeter.active_z.astype(np.float32)[layer]
    stretch = conditions.stretch.astype(np.float32)
    if np.any(conditions.theta):
        cos_phi, sin_phi = (f(conditions.phi).astype(np.float32)[owner] for f in (np.cos, np.sin))
        along = along * stretch[owner] + z * np.tan(conditions.theta).astype(np.float32)[owner]
        along, across = along * cos_phi - across * sin_phi, along * sin_phi + across * cos_phi
    cell = calorimeter.cell(layer, x + along, y + across)
    kept = cell >= 0
    at = owner[kept].astype(np.int64) * calorimeter.n_cells + cell[kept]
    size = len(conditions) * calorimeter.n_cells
    deposit = np.bincount(at, spots.energy[kept], size)
    filled = np.flatnonzero(deposit)
    arrival = (z * stretch[owner] / LIGHT + spots.delay)[kept]
    time = np.bincount(at, spots.energy[kept] * arrival, size)[filled] / deposit[filled]
    first, cells = np.divmod(filled, calorimeter.n_cells)
    return Hits(len(conditions), first, cells, deposit[filled], time)
