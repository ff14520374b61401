"""Shapes of jets: sums over constituents."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from resonaut import ragged
from resonaut.events import Columns
from resonaut.kinematics import delta_phi
from resonaut.represent.jets.recombination import History


def constituent_nodes(history: History, offsets: np.ndarray) -> np.ndarray:
    """(n_constituents,) node of each constituent."""
    return ragged.rank(offsets) + history.first[ragged.row_of(offsets)]


def distances(history: History, axes: History, offsets: np.ndarray) -> np.ndarray:
    """(n_constituents,) distance in rapidity and phi to the axis of the jet: the last node of `axes`."""
    nodes, axis = constituent_nodes(history, offsets), (axes.end - 1)[ragged.row_of(offsets)]
    dphi = delta_phi(history.phi[nodes], axes.phi[axis])
    return np.hypot(history.rapidity[nodes] - axes.rapidity[axis], dphi)


def width(pt: np.ndarray, distance: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(n_jets,) sum pt dR / sum pt, dR to the jet's axis: girth (arXiv:1106.3076)."""
    return _ratio(ragged.sums(pt * distance, offsets), ragged.sums(pt, offsets))


def pt_dispersion(pt: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(n_jets,) pTD = sqrt(sum pt^2) / sum pt (arXiv:1211.7038)."""
    return _ratio(np.sqrt(ragged.sums(pt * pt, offsets)), ragged.sums(pt, offsets))


def angularities(
    pt: np.ndarray,
    distance: np.ndarray,
    offsets: np.ndarray,
    exponents: Mapping[str, tuple[float, float]],
    radius: float,
) -> Columns:
    """Generalised angularities sum z^kappa (dR / R0)^beta, z = pt / sum pt (arXiv:1408.3122).

    Args:
        pt: (n_constituents,) GeV.
        distance: (n_constituents,) dR to a recoil-free axis.
        offsets: (n_jets + 1,).
        exponents: kappa and beta of each name.
        radius: R0.

    Returns:
        Columns of shape (n_jets,).
    """
    z = _ratio(pt, np.repeat(ragged.sums(pt, offsets), np.diff(offsets)))
    angle = distance / radius
    return {name: ragged.sums(z**kappa * angle**beta, offsets) for name, (kappa, beta) in exponents.items()}


def charge(
    pt: np.ndarray, charges: np.ndarray, jet_pt: np.ndarray, offsets: np.ndarray, kappa: float
) -> np.ndarray:
    """(n_jets,) jet charge: sum q pt^kappa / pt_jet^kappa (arXiv:1209.2421, eq. 1)."""
    return _ratio(ragged.sums(charges * pt**kappa, offsets), jet_pt**kappa)


def displaced_tracks(d0: np.ndarray, offsets: np.ndarray, d0_min: float) -> tuple[np.ndarray, np.ndarray]:
    """Tracks away from the beam.

    Args:
        d0: (n_constituents,) mm; NaN where there is no track.
        offsets: (n_jets + 1,).
        d0_min: mm.

    Returns:
        (n_jets,) number of tracks with |d0| above `d0_min`, and (n_jets,) largest |d0|, mm: 0 without tracks.
    """
    absolute = np.abs(np.nan_to_num(d0.astype(np.float64), nan=0.0))
    filled = np.flatnonzero(np.diff(offsets))
    largest = np.zeros(len(offsets) - 1)
    if len(filled):
        largest[filled] = np.maximum.reduceat(absolute, offsets[:-1][filled])
    return ragged.sums((absolute > d0_min).astype(np.int64), offsets), largest


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
