"""Four-momenta in detector coordinates: pt, eta, phi, mass (GeV, radian), elementwise over arrays."""

from __future__ import annotations

import numpy as np


def cartesian(
    pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, mass: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Momentum and energy of particles, in float64.

    Args:
        pt, eta, phi, mass: (...,) arrays that broadcast; GeV, radian.

    Returns:
        px, py, pz, energy of the same shape, GeV.
    """
    pt, eta, phi, mass = (np.asarray(values, np.float64) for values in (pt, eta, phi, mass))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return px, py, pz, np.sqrt(pt**2 + pz**2 + mass**2)


def from_cartesian(
    px: np.ndarray, py: np.ndarray, pz: np.ndarray, energy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """pt, eta, phi, mass of momenta; phi in (-pi, pi]; a space-like momentum has mass 0.

    Args:
        px, py, pz, energy: arrays of one shape, GeV. pt must not be 0.
    """
    pt = np.hypot(px, py)
    momentum = np.hypot(pt, pz)
    squared = (energy - momentum) * (energy + momentum)
    return pt, np.arcsinh(pz / pt), np.arctan2(py, px), np.sqrt(np.maximum(squared, 0.0))


def delta_phi(phi: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """phi - reference, wrapped into [-pi, pi)."""
    return (np.asarray(phi) - reference + np.pi) % (2 * np.pi) - np.pi


def leading_pair_mass(
    pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, mass: np.ndarray, event_offsets: np.ndarray
) -> np.ndarray:
    """Invariant mass of the two leading jets of each event: the resonant variable m_jj.

    Args:
        pt, eta, phi, mass: (n_jets,) jets, sorted by pt inside an event; GeV, radian.
        event_offsets: (n_events + 1,) first jet of each event.

    Returns:
        (n_events,) float64 GeV: the mass of the jet where an event has one, 0 where it has none.
    """
    n_jets = np.diff(event_offsets)
    total = np.zeros((4, len(n_jets)))
    for rank in range(2):
        has = n_jets > rank
        jet = event_offsets[:-1][has] + rank
        total[:, has] += cartesian(pt[jet], eta[jet], phi[jet], mass[jet])
    px, py, pz, energy = total
    return np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
