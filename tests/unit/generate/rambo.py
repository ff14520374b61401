"""Uniform massless phase space of n particles: Kleiss, Stirling, Ellis, doi:10.1016/0010-4655(86)90119-0."""

from __future__ import annotations

import math

import numpy as np


def volume(energy: float, n_particles: int) -> float:
    """Volume of massless phase space, GeV^(2 n - 4): with prod d^3p / ((2 pi)^3 2 E) and (2 pi)^4 delta^4.

    Args:
        energy: of the centre of mass, GeV.
        n_particles: at least 2.
    """
    n = n_particles
    return (
        (2 * math.pi) ** (4 - 3 * n)
        * (math.pi / 2) ** (n - 1)
        * energy ** (2 * n - 4)
        / (math.factorial(n - 1) * math.factorial(n - 2))
    )


def momenta(uniform: np.ndarray, energy: float) -> np.ndarray:
    """Massless momenta, uniform in phase space.

    Args:
        uniform: (n_events, n_particles, 4) uniform numbers.
        energy: of the centre of mass, GeV.

    Returns:
        (n_events, n_particles, 4): energy, px, py, pz in GeV; all events have the weight `volume`.
    """
    cosine, angle = 2 * uniform[..., 0] - 1, 2 * np.pi * uniform[..., 1]
    # Of uniform numbers in [0, 1): neither may be 0 in the logarithm.
    isotropic = -np.log((1 - uniform[..., 2]) * (1 - uniform[..., 3]))
    sine = np.sqrt(1 - cosine**2)
    direction = np.stack([np.ones_like(cosine), sine * np.cos(angle), sine * np.sin(angle), cosine], axis=-1)
    free = isotropic[..., None] * direction
    # One boost and one scale make the sum the centre of mass at rest.
    total = free.sum(1)
    mass = np.sqrt(total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(1))
    boost, gamma = -total[:, 1:] / mass[:, None], total[:, 0] / mass
    along = (free[..., 1:] * boost[:, None]).sum(-1)
    energies = gamma[:, None] * free[..., 0] + along
    moved = free[..., 1:] + boost[:, None] * (free[..., 0] + along / (1 + gamma)[:, None])[..., None]
    scale = (energy / mass)[:, None, None]
    return scale * np.concatenate([energies[..., None], moved], axis=-1)
