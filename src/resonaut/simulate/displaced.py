"""Particles that start away from the origin: impact parameters, and where they meet the calorimeter."""

from __future__ import annotations

import numpy as np

from resonaut.simulate.propagation import GEV_PER_TESLA_METRE, Impact, wrap

MM_PER_M = 1e3
Vertex = dict[str, np.ndarray]
"""x, y, z, (n,) each, mm."""


def impact_parameters(
    vertex: Vertex, pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, charge: np.ndarray, field: float
) -> dict[str, np.ndarray]:
    """d0 and dz, mm, of helices at their point of closest approach to the beam, a line through the origin.

    With phi there, d0 = y cos(phi) - x sin(phi); dz is z there. Without field or charge the helix is a line.

    Args:
        vertex: where the particles start.
        pt, eta, phi, charge: (n,) at the vertex; GeV, radian, units of e.
        field: T.
    """
    cosine, sine = np.cos(phi), np.sin(phi)
    x, y = vertex["x"], vertex["y"]
    d0 = y * cosine - x * sine
    path = x * cosine + y * sine
    bent = np.flatnonzero(charge) if field else np.array([], dtype=np.int64)
    radius, turn = _circle(pt[bent], charge[bent], field)
    radius *= MM_PER_M
    squared = x[bent] ** 2 + y[bent] ** 2
    centre_x, centre_y = x[bent] + turn * radius * sine[bent], y[bent] - turn * radius * cosine[bent]
    # turn (radius - distance of the centre), without the difference of two large numbers.
    distance = np.hypot(centre_x, centre_y)
    d0[bent] = (2 * radius * d0[bent] - turn * squared) / (radius + distance)
    closest = np.arctan2(turn * centre_x, -turn * centre_y)
    path[bent] = -turn * radius * wrap(phi[bent] - closest)
    return {"d0": d0, "dz": vertex["z"] - path * np.sinh(eta)}


def propagate_from(
    vertex: Vertex,
    pt: np.ndarray,
    eta: np.ndarray,
    phi: np.ndarray,
    charge: np.ndarray,
    field: float,
    radius: float,
    half_length: float,
) -> Impact:
    """As `propagation.propagate`, from `vertex`; particles that start outside the cylinder never meet it."""
    x, y, z = (vertex[axis] / MM_PER_M for axis in ("x", "y", "z"))
    slope = np.sinh(eta)
    inside = (np.hypot(x, y) < radius) & (np.abs(z) < half_length)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        endcap = np.where(slope == 0, np.inf, (np.copysign(half_length, slope) - z) / slope)
    along = x * np.cos(phi) + y * np.sin(phi)
    barrel = -along + np.sqrt(np.maximum(along**2 + radius**2 - x**2 - y**2, 0.0))
    path = np.minimum(barrel, endcap)
    end_x, end_y = x + path * np.cos(phi), y + path * np.sin(phi)
    reached = inside.copy()

    bent = np.flatnonzero(inside & (charge != 0)) if field else np.array([], dtype=np.int64)
    orbit, turn = _circle(pt[bent], charge[bent], field)
    centre_x = x[bent] + turn * orbit * np.sin(phi[bent])
    centre_y = y[bent] - turn * orbit * np.cos(phi[bent])
    angle = np.minimum(
        _angle_to_barrel(centre_x, centre_y, orbit, turn, phi[bent], radius), endcap[bent] / orbit
    )
    reached[bent] = angle <= np.pi
    angle = np.minimum(angle, np.pi)
    direction = phi[bent] - turn * angle
    end_x[bent] = centre_x - turn * orbit * np.sin(direction)
    end_y[bent] = centre_y + turn * orbit * np.cos(direction)
    path[bent] = angle * orbit
    return Impact(np.arcsinh((z + path * slope) / np.hypot(end_x, end_y)), np.arctan2(end_y, end_x), reached)


def _circle(pt: np.ndarray, charge: np.ndarray, field: float) -> tuple[np.ndarray, np.ndarray]:
    """Radius of the orbit, m, and 1 where it turns towards negative phi, -1 where towards positive."""
    turn = np.sign(charge * field).astype(np.float64)
    return pt / (GEV_PER_TESLA_METRE * np.abs(charge * field)), turn


def _angle_to_barrel(
    centre_x: np.ndarray,
    centre_y: np.ndarray,
    orbit: np.ndarray,
    turn: np.ndarray,
    phi: np.ndarray,
    radius: float,
) -> np.ndarray:
    """Angle on the orbit to where it first leaves a cylinder around the origin; infinite where it never does.

    Seen from the centre of the orbit the particle stands at phi + turn pi / 2 and moves by -turn times the
    angle; the cylinder is where it is arccos((R^2 - c^2 - r^2) / (2 r c)) off the direction from the origin.
    """
    distance = np.hypot(centre_x, centre_y)
    cosine = (radius**2 - distance**2 - orbit**2) / (2 * orbit * distance)
    start = turn * (phi + turn * np.pi / 2 - np.arctan2(centre_y, centre_x))
    with np.errstate(invalid="ignore"):
        angle = (start - np.arccos(cosine)) % (2 * np.pi)
    return np.where(cosine < 1, angle, np.inf)
