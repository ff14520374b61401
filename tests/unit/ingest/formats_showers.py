"""Small files of calorimeter showers in the layouts of public data sets, and the published binnings."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from formats_public import Truth


def shower_cells(n_events: int, n_cells: int, seed: int) -> np.ndarray:
    """(n_events, n_cells) float64 MeV, one cell in twenty filled; the last shower is empty."""
    random = np.random.default_rng(seed)
    cells = random.exponential(2.0, (n_events, n_cells)) * (random.random((n_events, n_cells)) < 0.05)
    cells[-1] = 0
    return cells


def write_getting_high(path: Path, n_events: int, seed: int) -> Truth:
    """HDF5 of Getting High (arXiv:2005.05334): `30x30/energy` GeV, `30x30/layers` MeV, double precision."""
    energy = np.random.default_rng(seed).uniform(10, 100, (n_events, 1))
    cells = shower_cells(n_events, 27_000, seed)
    with h5py.File(path, "w") as file:
        group = file.create_group("30x30")
        group.create_dataset("energy", data=energy)
        group.create_dataset("layers", data=cells.reshape(n_events, 30, 30, 30))
    return {"incident_energy": energy[:, 0], "cells": cells * 1e-3}


def write_sparse_showers(path: Path, n_events: int, seed: int) -> Truth:
    """The house's own layout: `energy` GeV, `offsets`, `cell`, `deposit` MeV."""
    energy = np.random.default_rng(seed).uniform(10, 100, (n_events, 1)).astype(np.float32)
    cells = shower_cells(n_events, 27_000, seed).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum((cells > 0).sum(axis=1))])
    with h5py.File(path, "w") as file:
        file.create_dataset("energy", data=energy)
        file.create_dataset("offsets", data=offsets.astype(np.int64))
        file.create_dataset("cell", data=np.nonzero(cells)[1].astype(np.uint16), compression="gzip")
        file.create_dataset("deposit", data=cells[cells > 0], compression="gzip")
    return {"incident_energy": energy[:, 0], "cells": cells * 1e-3}


def write_calochallenge(path: Path, n_events: int, seed: int, n_voxels: int = 368) -> Truth:
    """HDF5 of the CaloChallenge (arXiv:2410.21611): `incident_energies` and `showers`, both MeV."""
    energy = 2.0 ** np.random.default_rng(seed).integers(8, 23, (n_events, 1))
    cells = shower_cells(n_events, n_voxels, seed)
    with h5py.File(path, "w") as file:
        file.create_dataset("incident_energies", data=energy, compression="gzip")
        file.create_dataset("showers", data=cells, compression="gzip")
    return {"incident_energy": energy[:, 0] * 1e-3, "cells": cells * 1e-3}


_EMPTY = ((0,), 1)
_PHOTONS = {
    0: ((0, 5, 10, 30, 50, 100, 200, 400, 600), 1),
    1: ((0, 2, 4, 6, 8, 10, 12, 15, 20, 30, 40, 50, 70, 90, 120, 150, 200), 10),
    2: ((0, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 130, 160, 200, 250, 300, 350, 400), 10),
    3: ((0, 50, 100, 200, 400, 600), 1),
    12: ((0, 100, 200, 400, 1000, 2000), 1),
}
_PIONS = {
    0: ((0, 5, 10, 30, 50, 100, 200, 400, 600), 1),
    1: ((0, 1, 4, 7, 10, 15, 30, 50, 90, 150, 200), 10),
    2: ((0, 5, 10, 20, 30, 50, 80, 130, 200, 300, 400), 10),
    3: ((0, 50, 100, 200, 400, 600), 1),
    12: ((0, 10, 20, 30, 50, 80, 100, 130, 160, 200, 250, 300, 350, 400, 1000, 2000), 10),
    13: ((0, 10, 20, 30, 50, 80, 100, 130, 160, 200, 250, 300, 350, 400, 600, 1000, 2000), 10),
    14: ((0, 50, 100, 150, 200, 250, 300, 400, 600, 1000, 2000), 1),
}
BINNINGS = {
    "photons": ("22", "photon", {number: _PHOTONS.get(number, _EMPTY) for number in range(24)}),
    "pions": ("211", "pion", {number: _PIONS.get(number, _EMPTY) for number in range(24)}),
    "dataset_2": (
        "11",
        "electron",
        {n: (tuple(round(4.65 * i, 3) for i in range(10)), 16) for n in range(45)},
    ),
    "dataset_3": (
        "11",
        "electron",
        {n: (tuple(round(2.325 * i, 3) for i in range(19)), 50) for n in range(45)},
    ),
}
"""The binnings of the challenge: PDG id, name, and radii (mm) and number of angles of each layer."""


def write_binning(path: Path, *names: str, named: bool = True) -> Path:
    """XML as published. The early file of the challenge held photons and pions, without their names."""
    lines = ["<Bins>"]
    for pid, particle, layers in (BINNINGS[name] for name in names):
        lines.append(
            f'   <Bin pid="{pid}" etaMin="0" etaMax="130"' + (f' name="{particle}">' if named else ">")
        )
        for number, (edges, n_alpha) in layers.items():
            radii = ",".join(f"{edge:g}" for edge in edges)
            lines.append(f'      <Layer id="{number}" r_edges="{radii}" n_bin_alpha="{n_alpha}" /> ')
        lines.append("   </Bin>")
    path.write_text("\n".join([*lines, "</Bins>", ""]))
    return path
