"""Class, charge and mass of a candidate by its PDG id (numbers: Phys. Rev. D 110, 030001, ch. 45)."""

from __future__ import annotations

import numpy as np

_MASSES = {
    11: 0.51099895e-3,
    12: 0.0,
    13: 0.1056583755,
    14: 0.0,
    16: 0.0,
    22: 0.0,
    130: 0.497611,
    211: 0.13957039,
    310: 0.497611,
    321: 0.493677,
    2112: 0.93956542,
    2212: 0.93827209,
    3112: 1.197449,
    3122: 1.115683,
    3222: 1.18937,
    3312: 1.32171,
    3322: 1.31486,
    3334: 1.67245,
}
"""GeV; the particles that live long enough to reach a detector, and neutrinos."""

_LEPTONS = (11, 13, 15)
_SMALLEST_HADRON = 100
_FORWARD_PHOTON = 2


def pdg_class(pdg_id: np.ndarray, charge: np.ndarray) -> np.ndarray:
    """(n,) int32 class of candidates (index into `events.PDG_CLASSES`): hadrons by their charge.

    CMS numbers deposits in its forward calorimeter 1 (hadronic) and 2 (electromagnetic, as of photons).
    """
    kind = np.abs(pdg_id)
    hadron = np.where(charge != 0, 1, 2)
    photon = (kind == 22) | (pdg_id == _FORWARD_PHOTON)
    return np.select([photon, kind == 11, kind == 13], [3, 4, 5], hadron).astype(np.int32)


def charge_of(pdg_id: np.ndarray) -> np.ndarray:
    """(n,) int32 charges: of leptons, and of hadrons by the digits of their quarks; others 0.

    Below 100 only leptons have charge: for 1 and 2 see `pdg_class`.
    """
    pdg_id = np.asarray(pdg_id, np.int64)
    kind = np.abs(pdg_id)
    first, second, third = (kind // power % 10 for power in (1000, 100, 10))
    # In thirds: even digits are up-like quarks. In a meson the heavier quark, where it is down-like, is the
    # antiquark of the particle.
    thirds = [np.where(digit % 2 == 0, 2, -1) for digit in (first, second, third)]
    meson = np.where(second % 2 == 0, 1, -1) * (thirds[1] - thirds[2])
    hadron = np.where(first == 0, meson, sum(thirds)) // 3
    charge = np.where(kind >= _SMALLEST_HADRON, hadron, -np.isin(kind, _LEPTONS).astype(np.int64))
    return (np.sign(pdg_id) * charge).astype(np.int32)


def mass_of(pdg_id: np.ndarray) -> np.ndarray:
    """(n,) float64 masses, GeV, of particles that are stable in a detector; NaN for others."""
    known = np.array(sorted(_MASSES))
    masses = np.array([_MASSES[number] for number in known])
    rank = np.searchsorted(known, np.abs(pdg_id)).clip(max=len(known) - 1)
    return np.where(known[rank] == np.abs(pdg_id), masses[rank], np.nan)
