"""A sampling calorimeter: its depth in every unit of length, and the cell of a place."""

from __future__ import annotations

from typing import Any

import numpy as np

from resonaut.showers import n_cells
from resonaut.simulate.showers.materials import MATERIALS, Effective, effective
from resonaut.simulate.showers.settings import CalorimeterSettings


class Calorimeter:
    """Layers of absorber and active material, the front at z = 0, the normal along z.

    A layer is its absorber and the active plate behind it. x runs along columns, y along rows, both from the
    centre of the front.

    Args:
        settings: of the calorimeter.

    Attributes:
        n_layers: number of layers.
        geometry: the JSON value that names cells (see `resonaut.showers`).
        edges: depth of the layers' borders in "radiation", "interaction" and "pion" lengths, (n_layers + 1,).
        active_z: middle of the active plates, (n_layers,) mm.
        mip: mean energy that a minimum ionising particle leaves in the active plate, (n_layers,) MeV.
        sampling_fraction: share of the energy of minimum ionising particles that is seen, (n_layers,).
        medium: of the first layers, where showers have most of their energy.
        e_over_mip: response to electrons over that to minimum ionising particles.
        sampling_fluctuation: c of c / sqrt(E / GeV), (n_layers,): it rises with the square root of
            the layer's radiation lengths, as fewer particles of a shower are seen.
        cell_size: mm of a step of one cell; 1 in a cylindrical geometry.
    """

    def __init__(self, settings: CalorimeterSettings) -> None:
        self.settings = settings
        groups = settings.layers
        plates = [
            (
                MATERIALS[group.absorber],
                group.absorber_thickness,
                MATERIALS[group.active],
                group.active_thickness,
            )
            for group in groups
            for _ in range(group.count)
        ]
        self.n_layers = len(plates)
        self.edges = {
            unit: np.concatenate([[0.0], np.cumsum([_lengths(plate, f"{unit}_length") for plate in plates])])
            for unit in ("radiation", "interaction", "pion")
        }
        ends = np.cumsum([absorber_mm + active_mm for _, absorber_mm, _, active_mm in plates])
        self.active_z = ends - np.array([active_mm for *_, active_mm in plates]) / 2
        self.depth = float(ends[-1])
        self.mip = np.array([active.loss_per_mm * size for _, _, active, size in plates])
        passive = np.array([absorber.loss_per_mm * size for absorber, size, _, _ in plates])
        self.sampling_fraction = self.mip / (self.mip + passive)
        self.medium: Effective = effective(*plates[0])
        self.e_over_mip = settings.e_over_mip or self.medium.e_over_mip
        lengths = np.diff(self.edges["radiation"])
        self.sampling_fluctuation = settings.sampling_fluctuation * np.sqrt(lengths / lengths[0])
        self.geometry = self._geometry()
        self.n_cells = n_cells(self.geometry)
        self.cell_size = settings.cell_size or 1.0

    def cell(self, layer: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The cell of each place, (n,) int32; -1 outside of the calorimeter.

        Args:
            layer: (n,) layers from 0.
            x, y: (n,) mm.
        """
        settings = self.settings
        if settings.r_edges is None:
            rows, columns = settings.rows, settings.columns
            # Far places are cut before they are made whole numbers, which they may exceed.
            row = np.floor(np.clip(y / settings.cell_size + rows / 2, -1, rows)).astype(np.int32)
            column = np.floor(np.clip(x / settings.cell_size + columns / 2, -1, columns)).astype(np.int32)
            inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
            return np.where(inside, (layer * rows + row) * columns + column, -1).astype(np.int32)
        edges = np.asarray(settings.r_edges)
        n_r, n_alpha = len(edges) - 1, settings.n_alpha
        ring = np.searchsorted(edges, np.hypot(x, y), side="right").astype(np.int32) - 1
        turn = np.arctan2(y, x) / (2 * np.pi) % 1.0
        alpha = np.minimum((turn * n_alpha).astype(np.int32), n_alpha - 1)
        inside = (ring >= 0) & (ring < n_r)
        return np.where(inside, (layer * n_alpha + alpha) * n_r + ring, -1).astype(np.int32)

    def describe(self) -> dict[str, Any]:
        """Sizes that the geometry of cells does not tell: mm, MeV, and depths in lengths of showers."""
        return {
            "settings": self.settings.model_dump(mode="json"),
            "depth_mm": self.depth,
            "active_z_mm": [round(float(z), 6) for z in self.active_z],
            "radiation_lengths": float(self.edges["radiation"][-1]),
            "interaction_lengths": float(self.edges["interaction"][-1]),
            "mip_mev": [float(value) for value in self.mip],
        }

    def _geometry(self) -> dict[str, Any]:
        settings = self.settings
        if settings.r_edges is None:
            return {
                "kind": "cartesian",
                "shape": [self.n_layers, settings.rows, settings.columns],
                "cell": "(layer * rows + row) * columns + column",
            }
        layer = {"r_edges": list(settings.r_edges), "n_alpha": settings.n_alpha}
        return {
            "kind": "cylindrical",
            "particle": "any",
            "layers": [{"id": number, **layer} for number in range(self.n_layers)],
            "cell": "first cell of the layer + alpha * n_r + r",
        }


def _lengths(plate: tuple[Any, ...], name: str) -> float:
    """Thickness of a layer in units of one of the lengths of its materials."""
    return sum(size / material.in_mm(getattr(material, name)) for material, size in (plate[:2], plate[2:]))
