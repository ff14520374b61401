"""The Lund plane: where the declusterings of a jet lie (arXiv:1807.04758, section 2)."""

from __future__ import annotations

import numpy as np

from resonaut import ragged
from resonaut.compiled import kernel
from resonaut.events import Columns
from resonaut.represent.jets.recombination import History

# Particles of one direction are this near to each other, squared, by rounding.
_SAME_DIRECTION2 = 1e-20

COORDINATES = ("ln_inverse_delta", "ln_kt", "z", "psi")


def primary_plane(history: History) -> tuple[Columns, np.ndarray]:
    """Primary declusterings, from the widest inwards, along the branch of larger pt.

    With a the harder and b the softer of the two: Delta their distance in rapidity and phi, kt = pt_b Delta,
    z = pt_b / (pt_a + pt_b), psi = atan2(y_b - y_a, phi_b - phi_a). Two particles of one direction, or one
    without pt, have no place in the plane and are left out.

    Args:
        history: Cambridge/Aachen, one tree per jet.

    Returns:
        Columns ln_inverse_delta (ln 1/Delta), ln_kt (kt in GeV), z, psi of shape (n_declusterings,), and the
        (n_jets + 1,) offsets.
    """
    values, counts = _primary(
        history.end - 1,
        history.hard,
        history.soft,
        history.pt,
        history.rapidity,
        history.phi,
        history.separation2,
    )
    return dict(zip(COORDINATES, values, strict=True)), ragged.offsets_of(counts)


def multiplicity(history: History, kt_min: float) -> np.ndarray:
    """Lund multiplicity (arXiv:2212.05076): 1 + declusterings of all branches with kt of at least `kt_min`.

    Args:
        history: Cambridge/Aachen, one tree per jet.
        kt_min: GeV.

    Returns:
        (n_jets,) int64.
    """
    return _multiplicity(history.first, history.end, history.soft, history.pt, history.separation2, kt_min**2)


@kernel()
def _primary(root, hard, soft, pt, rapidity, phi, separation2):
    """Coordinates (4, n_declusterings), and the number of declusterings of each jet."""
    values = np.empty((4, len(pt)))
    counts = np.zeros(len(root), np.int64)
    total = 0
    for jet in range(len(root)):
        at = root[jet]
        while soft[at] >= 0:
            a, b = hard[at], soft[at]
            kt2 = pt[b] * pt[b] * separation2[at]
            if separation2[at] > _SAME_DIRECTION2 and kt2 > 0:
                dphi = phi[b] - phi[a]
                dphi = dphi - 2 * np.pi if dphi > np.pi else dphi
                dphi = dphi + 2 * np.pi if dphi < -np.pi else dphi
                values[0, total] = -0.5 * np.log(separation2[at])
                values[1, total] = 0.5 * np.log(kt2)
                values[2, total] = pt[b] / (pt[a] + pt[b])
                values[3, total] = np.arctan2(rapidity[b] - rapidity[a], dphi)
                counts[jet] += 1
                total += 1
            at = a
    return values[:, :total].copy(), counts


@kernel()
def _multiplicity(first, end, soft, pt, separation2, kt2_min):
    counts = np.ones(len(first), np.int64)
    for jet in range(len(first)):
        for node in range(first[jet], end[jet]):
            at = soft[node]
            counts[jet] += at >= 0 and pt[at] * pt[at] * separation2[node] >= kt2_min
    return counts
