"""Jets as particles, whatever they are stored as: points of clouds, or pixels of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut import ragged
from resonaut.errors import InputError
from resonaut.generate.learnt import Learnt

N_PIXELS_MAX = 100
"""Hardest pixels of an image that count as particles."""
_BATCH = 4096


@dataclass(frozen=True)
class Particles:
    """Massless particles of jets, relative to the axis of their jet.

    Attributes:
        z: (n_particles,) pt over the jet's pt. Where files do not hold it, over the sum of all in the jet.
        eta, phi: (n_particles,) radian.
        offsets: (n_jets + 1,).
        jet_pt: (n_jets,) what z is in units of, GeV; None where nothing says it.
    """

    z: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    offsets: np.ndarray
    jet_pt: np.ndarray | None

    def select(self, rows: np.ndarray) -> Particles:
        """Some jets, by their (k,) row numbers."""
        index, offsets = ragged.take(self.offsets, rows)
        jet_pt = None if self.jet_pt is None else self.jet_pt[rows]
        return Particles(self.z[index], self.eta[index], self.phi[index], offsets, jet_pt)

    def __len__(self) -> int:
        return len(self.offsets) - 1


def particles(learnt: Learnt) -> Particles:
    """The particles of clouds or images.

    Raises:
        InputError: features, or clouds without directions or pt.
    """
    if learnt.kind == "images":
        return _of_images(learnt)
    if learnt.kind == "clouds":
        return _of_clouds(learnt)
    raise InputError(f"particles are those of clouds or images; '{learnt.kind}' have none.")


def can_have_particles(learnt: Learnt) -> bool:
    """Whether `particles` can be had."""
    columns = set(learnt.columns)
    directed = {"delta_eta", "delta_phi"} <= columns and bool({"log_pt", "log_pt_fraction"} & columns)
    return learnt.kind == "images" or (learnt.kind == "clouds" and directed)


def _jet_pt(learnt: Learnt) -> np.ndarray | None:
    if "jets/pt" in learnt.carried:
        return learnt.carried["jets/pt"].astype(np.float64)
    for name in ("jets/pt", "pt"):
        if name in learnt.condition_names:
            return learnt.conditions[:, learnt.condition_names.index(name)].astype(np.float64)
    return None


def _of_clouds(learnt: Learnt) -> Particles:
    if not can_have_particles(learnt):
        raise InputError(
            f"inputs: the columns {', '.join(learnt.columns)} do not say where particles are and how hard; "
            "delta_eta, delta_phi and log_pt_fraction (or log_pt) are expected."
        )
    columns = {
        name: values.astype(np.float64) for name, values in zip(learnt.columns, learnt.values.T, strict=True)
    }
    offsets = learnt.offsets
    if "log_pt_fraction" in columns:
        z, jet_pt = np.exp(columns["log_pt_fraction"]), _jet_pt(learnt)
    else:
        pt = np.exp(columns["log_pt"])
        jet_pt = ragged.sums(pt, offsets)
        z = pt / jet_pt[ragged.row_of(offsets)]
    return Particles(z, columns["delta_eta"], columns["delta_phi"], offsets, jet_pt)


def _of_images(learnt: Learnt) -> Particles:
    n, size = learnt.values.shape[:2]
    half_width = float(learnt.settings["half_width"])
    centre = (np.arange(size) + 0.5) * (2 * half_width / size) - half_width
    keep = min(N_PIXELS_MAX, size**2)
    z, place, counts = [], [], []
    for start in range(0, n, _BATCH):
        flat = learnt.values[start : start + _BATCH].reshape(-1, size**2).astype(np.float64)
        total = flat.sum(1, keepdims=True)
        hardest = np.argpartition(-flat, keep - 1, axis=1)[:, :keep]
        share = np.take_along_axis(flat, hardest, 1) / np.where(total > 0, total, 1.0)
        hit = share > 0
        z.append(share[hit])
        place.append(hardest[hit])
        counts.append(hit.sum(1))
    index = np.concatenate(place)
    offsets = ragged.offsets_of(np.concatenate(counts))
    jet_pt = None if learnt.settings.get("normalise") in (True, "sum") else _sums(learnt.values)
    return Particles(np.concatenate(z), centre[index // size], centre[index % size], offsets, jet_pt)


def _sums(images: np.ndarray) -> np.ndarray:
    return images.sum(axis=(1, 2), dtype=np.float64)
