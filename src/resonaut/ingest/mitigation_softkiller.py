"""SoftKiller (arXiv:1407.0408): a cut on pt, event by event, that leaves half of the patches empty."""

from __future__ import annotations

import numpy as np

from resonaut.compiled import kernel


def thresholds(
    pt: np.ndarray,
    eta: np.ndarray,
    phi: np.ndarray,
    offsets: np.ndarray,
    cell: float,
    eta_max: float,
) -> np.ndarray:
    """The cut on pt of each event, GeV: the median over patches of the largest pt in a patch (section 2).

    Patches have the side nearest to `cell` that divides 2 pi and 2 `eta_max`; one without particles counts
    with 0. Pseudorapidity stands for rapidity.

    Args:
        pt, eta, phi: (n_particles,); GeV, radian.
        offsets: (n_events + 1,) first particle of each event.
        cell: side of a patch.
        eta_max: patches cover |eta| below.
    """
    n_eta = max(1, round(2 * eta_max / cell))
    n_phi = max(1, round(2 * np.pi / cell))
    row = np.floor((np.asarray(eta, np.float64) + eta_max) * (n_eta / (2 * eta_max))).astype(np.int64)
    turns = np.asarray(phi, np.float64) / (2 * np.pi)
    column = np.minimum(((turns - np.floor(turns)) * n_phi).astype(np.int64), n_phi - 1)
    patch = np.where((row >= 0) & (row < n_eta), row * n_phi + column, -1)
    return _medians(np.ascontiguousarray(pt, np.float64), patch, offsets, n_eta * n_phi)


@kernel()
def _medians(pt, patch, offsets, n_patches):
    """(n_events,) median of the largest pt in each patch."""
    found = np.empty(len(offsets) - 1)
    largest = np.empty(n_patches)
    for event in range(len(found)):
        largest[:] = 0.0
        for particle in range(offsets[event], offsets[event + 1]):
            where = patch[particle]
            if where >= 0:
                largest[where] = max(largest[where], pt[particle])
        found[event] = np.median(largest)
    return found
