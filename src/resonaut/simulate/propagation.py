"""Where particles meet the calorimeters: helices in a solenoid field, from the origin to a cylinder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Momentum in GeV of a particle of unit charge on a circle of 1 m in 1 T: c in units of 1e9 m/s.
GEV_PER_TESLA_METRE = 0.299792458


@dataclass
class Impact:
    """Where particles meet the cylinder.

    Attributes:
        eta, phi: (n,) direction of the point as seen from the origin.
        reached: (n,) whether the particle meets it within half a turn; others curl up in the tracker.
    """

    eta: np.ndarray
    phi: np.ndarray
    reached: np.ndarray


def propagate(
    pt: np.ndarray,
    eta: np.ndarray,
    phi: np.ndarray,
    charge: np.ndarray,
    field: float,
    radius: float,
    half_length: float,
) -> Impact:
    """Follow particles from the origin to a cylinder around the beam.

    On a circle of radius r = pt / (0.3 |q| B) a chord of length R turns the direction to its end by dphi with
    sin(dphi) = R / (2 r) = 0.3 B R |q| / (2 pt); positive charges turn towards negative phi.

    Args:
        pt, eta, phi, charge: (n,) at the origin; GeV, radian, units of e.
        field: T.
        radius, half_length: of the cylinder, m.
    """
    impact = Impact(eta.copy(), phi.copy(), np.ones(len(pt), dtype=bool))
    bent = np.flatnonzero(charge) if field else np.array([], dtype=np.int64)
    if not len(bent):
        return impact
    diameter = 2 * pt[bent] / (GEV_PER_TESLA_METRE * field * np.abs(charge[bent]))
    slope = np.sinh(eta[bent])
    crosses_barrel = diameter > radius
    half_turn = np.arcsin(np.minimum(radius / diameter, 1.0))
    length = diameter * half_turn
    # The path in the transverse plane is a half-turn angle times the diameter; z grows with it.
    with np.errstate(divide="ignore", over="ignore"):
        length_endcap = half_length / np.abs(slope)
    endcap = ~crosses_barrel | (length_endcap < length)
    half_turn = np.where(endcap, length_endcap / diameter, half_turn)
    impact.reached[bent] = half_turn <= np.pi / 2
    half_turn = np.minimum(half_turn, np.pi / 2)
    chord = np.where(endcap, diameter * np.sin(half_turn), radius)
    height = np.where(endcap, np.sign(slope) * half_length, length * slope)
    impact.eta[bent] = np.arcsinh(height / chord)
    impact.phi[bent] = wrap(phi[bent] - np.sign(charge[bent]) * half_turn)
    return impact


def wrap(phi: np.ndarray) -> np.ndarray:
    """Angles within one turn of [-pi, pi) put into it."""
    phi = np.where(phi >= np.pi, phi - 2 * np.pi, phi)
    return np.where(phi < -np.pi, phi + 2 * np.pi, phi)
