"""What is measured of showers: sums, profiles and moments. Pure functions of `resonaut.showers.Showers`.

Energies in GeV. Places are in cells from the centre of the face (cartesian: a row or column of cells is one
unit, layers count from 0), in mm of cylindrical geometries, whose x = r cos(alpha) takes the part of columns
and y = r sin(alpha) that of rows. A shower without hits has 0 everywhere. Sums are made in double precision,
hit by hit, so memory follows the hits: give some thousand showers at a time (`shower_files.slices`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.showers import Showers, cell_layer, n_cells

OBSERVABLES: dict[str, tuple[str, str]] = {
    "visible_energy": ("Visible energy", "GeV"),
    "n_hits": ("Number of hits", ""),
    "max_cell": ("Highest cell", "GeV"),
    "depth": ("Mean layer", "layers"),
    "depth_width": ("Longitudinal width", "layers"),
    "max_layer": ("Layer of highest energy", ""),
    "row_mean": ("Centre of gravity along rows", "cells"),
    "column_mean": ("Centre of gravity along columns", "cells"),
    "row_width": ("Width along rows", "cells"),
    "column_width": ("Width along columns", "cells"),
    "radius_mean": ("Mean distance from the axis", "cells"),
    "share_first_third": ("Share of the first third of layers", ""),
    "share_last_third": ("Share of the last third of layers", ""),
}
"""Names, titles for axes, and units (mm instead of cells for cylindrical geometries); see `observables`."""


@dataclass(frozen=True)
class Places:
    """Where the cells of a geometry are.

    Attributes:
        layer: (n_cells,) int32, from 0.
        row, column: (n_cells,) float32 from the centre of the face, cells or mm.
    """

    layer: np.ndarray
    row: np.ndarray
    column: np.ndarray


def places(geometry: Mapping[str, Any]) -> Places:
    """Where the cells of a geometry are: their centres.

    A layer of a cylindrical geometry that is not divided in alpha says nothing of x and y: both are 0.
    """
    if geometry["kind"] == "cartesian":
        n_layers, n_rows, n_columns = geometry["shape"]
        row = np.arange(n_rows, dtype=np.float32) - (n_rows - 1) / 2
        column = np.arange(n_columns, dtype=np.float32) - (n_columns - 1) / 2
        return Places(
            cell_layer(geometry),
            np.tile(np.repeat(row, n_columns), n_layers),
            np.tile(column, n_layers * n_rows),
        )
    rows, columns = [], []
    for layer in geometry["layers"]:
        radius, alpha = _rings(layer)
        undivided = layer["n_alpha"] == 1
        rows.append(np.zeros_like(radius) if undivided else radius * np.sin(alpha))
        columns.append(np.zeros_like(radius) if undivided else radius * np.cos(alpha))
    return Places(
        cell_layer(geometry),
        np.concatenate(rows, dtype=np.float32),
        np.concatenate(columns, dtype=np.float32),
    )


def _rings(layer: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Radius (mm) and alpha (radian) of the centres of the cells of a cylindrical layer."""
    edges, n_alpha = np.asarray(layer["r_edges"], np.float64), layer["n_alpha"]
    alpha = (np.arange(n_alpha) + 0.5) * (2 * np.pi / n_alpha)
    return np.tile((edges[1:] + edges[:-1]) / 2, n_alpha), np.repeat(alpha, len(edges) - 1)


def n_layers(geometry: Mapping[str, Any]) -> int:
    """The number of layers with cells."""
    return geometry["shape"][0] if geometry["kind"] == "cartesian" else len(geometry["layers"])


def layer_energies(showers: Showers) -> np.ndarray:
    """(n_showers, n_layers) float64 visible energy of each layer, GeV."""
    return _by_layer(showers, showers.energy)


def layer_hits(showers: Showers) -> np.ndarray:
    """(n_showers, n_layers) int64 number of hits of each layer."""
    return _by_layer(showers, None)


def _by_layer(showers: Showers, weights: np.ndarray | None) -> np.ndarray:
    return _binned(showers, cell_layer(showers.geometry)[showers.cell], n_layers(showers.geometry), weights)


def _binned(showers: Showers, number: np.ndarray, n_bins: int, weights: np.ndarray | None) -> np.ndarray:
    """(n_showers, n_bins) sums of the hits by the (n_hits,) `number` of their bin."""
    bins = np.repeat(np.arange(len(showers)) * n_bins, np.diff(showers.offsets)) + number
    return np.bincount(bins, weights, len(showers) * n_bins).reshape(len(showers), n_bins)


def centre_of_gravity(showers: Showers) -> np.ndarray:
    """(n_showers, 3) float64: mean layer, row and column, weighted with the energy."""
    where = places(showers.geometry)
    energy, visible = _energies(showers)
    owner = showers.owner()
    return np.stack(
        [
            _mean(owner, energy, axis[showers.cell], visible)
            for axis in (where.layer, where.row, where.column)
        ],
        axis=1,
    )


def radial_profile(
    showers: Showers, edges: Sequence[float] | np.ndarray, origin: np.ndarray | None = None
) -> np.ndarray:
    """Visible energy in rings around an axis along the layers.

    Args:
        edges: (n_bins + 1,) rising radii, cells or mm; what is outside is not counted.
        origin: (n_showers, 2) row and column of the axis; the impact position where the showers have one
            (`impact_row`, `impact_column`), else the centre. Cylindrical: the centre, whose radii are known
            without alpha; no other is allowed.

    Returns:
        (n_showers, n_bins) float64, GeV.

    Raises:
        ValueError: an origin is given for a cylindrical geometry.
    """
    edges = np.asarray(edges, np.float64)
    if showers.geometry["kind"] == "cartesian":
        where = places(showers.geometry)
        row, column = where.row[showers.cell], where.column[showers.cell]
        if origin is None and {"impact_row", "impact_column"} <= set(showers.columns):
            origin = np.stack([showers.columns["impact_row"], showers.columns["impact_column"]], axis=1)
        if origin is not None:
            owner = showers.owner()
            row, column = row - origin[owner, 0], column - origin[owner, 1]
        radius = np.hypot(row, column)
    elif origin is None:
        rings = [_rings(layer)[0] for layer in showers.geometry["layers"]]
        radius = np.concatenate(rings)[showers.cell]
    else:
        raise ValueError("the radii of a cylindrical geometry are known around its centre only")
    ring = np.searchsorted(edges, radius, side="right") - 1
    inside = (ring >= 0) & (ring < len(edges) - 1)
    kept = showers.keep(inside)
    return _binned(kept, ring[inside], len(edges) - 1, kept.energy)


def observables(showers: Showers) -> dict[str, np.ndarray]:
    """Numbers of each shower, (n_showers,) float64, under the names and in the units of `OBSERVABLES`.

    `depth` and `depth_width` are mean and standard deviation of the layer, weighted with the energy;
    `row_mean` to `column_width` the same across. `radius_mean` is the mean distance from the axis through the
    centre of gravity, along the layers. Thirds are by the number of layers: layer * 3 // n_layers.
    """
    where = places(showers.geometry)
    energy, visible = _energies(showers)
    owner, by_layer = showers.owner(), layer_energies(showers)
    moments: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    away = np.zeros(len(showers.cell))
    for name, axis in (("layer", where.layer), ("row", where.row), ("column", where.column)):
        place = axis[showers.cell]
        mean = _mean(owner, energy, place, visible)
        off = np.square(place - mean[owner])
        moments[name] = mean, np.sqrt(_mean(owner, energy, off, visible))
        if name != "layer":
            away += off
    third = np.arange(by_layer.shape[1]) * 3 // by_layer.shape[1]
    shares = by_layer / np.where(visible > 0, visible, 1)[:, None]
    return {
        "visible_energy": visible,
        "n_hits": np.diff(showers.offsets).astype(np.float64),
        "max_cell": _highest(showers),
        "depth": moments["layer"][0],
        "depth_width": moments["layer"][1],
        "max_layer": by_layer.argmax(axis=1).astype(np.float64),
        "row_mean": moments["row"][0],
        "column_mean": moments["column"][0],
        "row_width": moments["row"][1],
        "column_width": moments["column"][1],
        "radius_mean": _mean(owner, energy, np.sqrt(away), visible),
        "share_first_third": shares[:, third == 0].sum(axis=1),
        "share_last_third": shares[:, third == 2].sum(axis=1),
    }


def mean_image(showers: Showers, axes: tuple[int, int]) -> np.ndarray:
    """The mean shower seen along one axis, GeV.

    Args:
        axes: the two that stay, of 0 layers, 1 rows, 2 columns: (0, 1) is seen from the side.

    Returns:
        (size of axes[0], size of axes[1]) float64; of cylindrical geometries not known.

    Raises:
        ValueError: the geometry is not cartesian.
    """
    if showers.geometry["kind"] != "cartesian":
        raise ValueError("a mean image is made of cartesian cells")
    total = np.bincount(showers.cell, showers.energy, n_cells(showers.geometry))
    along = ({0, 1, 2} - set(axes)).pop()
    image = total.reshape(showers.geometry["shape"]).sum(axis=along) / max(1, len(showers))
    return image if axes[0] < axes[1] else image.T


def _energies(showers: Showers) -> tuple[np.ndarray, np.ndarray]:
    """Energies of hits and of showers, double precision."""
    return showers.energy.astype(np.float64), showers.visible()


def _mean(owner: np.ndarray, energy: np.ndarray, values: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """(n_showers,) mean of the values of hits, weighted with their energy; 0 without energy."""
    total = np.bincount(owner, energy * values, len(visible))
    return total / np.where(visible > 0, visible, 1)


def _highest(showers: Showers) -> np.ndarray:
    """(n_showers,) energy of the highest cell."""
    found = np.zeros(len(showers))
    filled = np.flatnonzero(np.diff(showers.offsets))
    if len(filled):
        found[filled] = np.maximum.reduceat(showers.energy, showers.offsets[:-1][filled])
    return found
