"""Known matrix elements on the unit square, with their integrals.

`drell_yan`: e+ e- to mu+ mu- by photon and Z at leading order, averaged over the squared energy; a peak along
one axis and an asymmetry that changes along it. `dalitz`: a particle to three massless ones with a resonance
in each pair: two of the three bands lie along no axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Masses and widths in GeV, the Fermi constant in GeV^-2: R. L. Workman et al., doi:10.1093/ptep/ptac097.
Z_MASS, Z_WIDTH = 91.1876, 2.4952
FERMI = 1.1663788e-5
ALPHA = 1 / 128.0
"""Coupling at the mass of the Z."""
SINE_SQUARED = 0.2312
D_MASS = 1.86966
K_STAR_MASS, K_STAR_WIDTH = 0.8917, 0.0514

_LOW, _HIGH = 60.0, 120.0


@dataclass(frozen=True)
class Process:
    """An integrand on the unit cube.

    Attributes:
        n_dimensions: of its points.
        integrand: f(points (n, n_dimensions)) -> (n,), the Jacobian of the map from the cube in it.
        integral: its exact value.
        unit: of the integral.
    """

    n_dimensions: int
    integrand: Callable[[np.ndarray], np.ndarray]
    integral: float
    unit: str


def lepton_pair(squared_energy: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """d sigma / d cos theta of e+ e- to mu+ mu- at leading order, GeV^-2.

    Photon, Z and their interference; masses of the leptons neglected (Ellis, Stirling and Webber, QCD and
    Collider Physics, section 3.1, with couplings v = T3 - 2 Q sin^2, a = T3).

    Args:
        squared_energy: of the centre of mass, GeV^2.
        cosine: of the angle between electron and muon.
    """
    s = squared_energy
    vector, axial = -0.5 + 2 * SINE_SQUARED, -0.5
    strength = math.sqrt(2) * FERMI * Z_MASS**2 / (4 * math.pi * ALPHA)
    pole = (s - Z_MASS**2) ** 2 + (Z_MASS * Z_WIDTH) ** 2
    mixed, resonant = strength * s * (s - Z_MASS**2) / pole, (strength * s) ** 2 / pole
    even = 1 + 2 * vector**2 * mixed + (vector**2 + axial**2) ** 2 * resonant
    odd = 4 * axial**2 * mixed + 8 * (vector * axial) ** 2 * resonant
    return math.pi * ALPHA**2 / (2 * s) * ((1 + cosine**2) * even + cosine * odd)


def _drell_yan(points: np.ndarray) -> np.ndarray:
    s = _LOW**2 + (_HIGH**2 - _LOW**2) * points[:, 0]
    return 2 * lepton_pair(s, 2 * points[:, 1] - 1)


def _drell_yan_integral() -> float:
    """By quadrature of the closed form in the angle: 1 + c^2 gives 8 / 3, c gives 0."""
    from scipy.integrate import quad

    def total(s: float) -> float:
        return float(lepton_pair(s, 0.0)) * 8 / 3

    found, _ = quad(total, _LOW**2, _HIGH**2, points=[Z_MASS**2], epsrel=1e-10, limit=200)
    return found / (_HIGH**2 - _LOW**2)


def three_resonances(pairs: np.ndarray) -> np.ndarray:
    """Sum of Breit-Wigners of the three pairs, GeV^-4, without interference.

    Args:
        pairs: (..., 3) squared masses of the pairs, GeV^2.
    """
    width = K_STAR_MASS * K_STAR_WIDTH
    return (1 / ((pairs - K_STAR_MASS**2) ** 2 + width**2)).sum(-1)


def _dalitz(points: np.ndarray) -> np.ndarray:
    """Flat in the Dalitz plane (Workman et al., section 49, equation 49.23), angles integrated out."""
    whole = D_MASS**2
    first = whole * points[:, 0]
    second = (whole - first) * points[:, 1]
    pairs = np.stack([first, second, whole - first - second], axis=-1)
    return three_resonances(pairs) * (whole - first) / (128 * math.pi**3)


def _dalitz_integral() -> float:
    """Three times that of one pair: of (S - x) / ((x - m^2)^2 + g^2), an arctangent and a logarithm."""
    whole, width = D_MASS**2, K_STAR_MASS * K_STAR_WIDTH
    ends = np.array([-(K_STAR_MASS**2), whole - K_STAR_MASS**2])
    angle = np.diff(np.arctan(ends / width))[0] / width
    logarithm = np.diff(0.5 * np.log(ends**2 + width**2))[0]
    return 3 * ((whole - K_STAR_MASS**2) * angle - logarithm) / (128 * math.pi**3 * whole)


def process(name: str) -> Process:
    """`drell_yan` or `dalitz`."""
    if name == "drell_yan":
        return Process(2, _drell_yan, _drell_yan_integral(), "GeV^-2")
    return Process(2, _dalitz, _dalitz_integral(), "GeV^-2")
