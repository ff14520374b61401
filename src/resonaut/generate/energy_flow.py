"""Energy flow polynomials of degree 4 and less (arXiv:1712.07124, eq. 1.1).

The polynomial of a multigraph is the sum over a particle for each of its nodes of the product of their z and,
for each of its edges, the angle of the two particles at its ends. `CONNECTED` lists the 20 connected
multigraphs of up to four edges, and all 36 polynomials of that degree are these and products of these. Most
are trees of sums over one particle, so that no sum over three or more particles is ever written out.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

DEGREE_MAX = 4

CONNECTED: dict[str, tuple[tuple[int, int], ...]] = {
    "edge": ((0, 1),),
    "double_edge": ((0, 1), (0, 1)),
    "path_3": ((0, 1), (1, 2)),
    "triple_edge": ((0, 1), (0, 1), (0, 1)),
    "path_3_doubled": ((0, 1), (0, 1), (1, 2)),
    "triangle": ((0, 1), (1, 2), (0, 2)),
    "path_4": ((0, 1), (1, 2), (2, 3)),
    "star_3": ((0, 1), (0, 2), (0, 3)),
    "quadruple_edge": ((0, 1), (0, 1), (0, 1), (0, 1)),
    "path_3_tripled": ((0, 1), (0, 1), (0, 1), (1, 2)),
    "path_3_both_doubled": ((0, 1), (0, 1), (1, 2), (1, 2)),
    "triangle_doubled": ((0, 1), (0, 1), (1, 2), (0, 2)),
    "cycle_4": ((0, 1), (1, 2), (2, 3), (0, 3)),
    "triangle_with_tail": ((0, 1), (1, 2), (0, 2), (2, 3)),
    "path_4_end_doubled": ((0, 1), (0, 1), (1, 2), (2, 3)),
    "path_4_middle_doubled": ((0, 1), (1, 2), (1, 2), (2, 3)),
    "star_3_doubled": ((0, 1), (0, 1), (0, 2), (0, 3)),
    "path_5": ((0, 1), (1, 2), (2, 3), (3, 4)),
    "star_4": ((0, 1), (0, 2), (0, 3), (0, 4)),
    "fork": ((0, 1), (0, 2), (0, 3), (3, 4)),
}
"""Edges of each connected multigraph; nodes are numbered from 0."""

FOUR_NODES_FOUR_EDGES = (
    "cycle_4",
    "triangle_with_tail",
    "path_4_end_doubled",
    "path_4_middle_doubled",
    "star_3_doubled",
)
"""The five connected multigraphs of four nodes and four edges, of W1EFP (arXiv:2211.10295, section III)."""

_BLOCK_BYTES = 4e6


def energy_flow_polynomials(z: np.ndarray, eta: np.ndarray, phi: np.ndarray) -> dict[str, np.ndarray]:
    """The connected polynomials, with the distance in eta and phi as the angle (beta = 1).

    Args:
        z: (n_jets, n_particles) pt, or its share of the jet's; 0 where there is no particle.
        eta, phi: (n_jets, n_particles), finite; radian. phi is relative to the jet: it is not wrapped.

    Returns:
        (n_jets,) float64 each, by the names of `CONNECTED`.
    """
    n_jets, n_particles = z.shape
    found = {name: np.empty(n_jets) for name in CONNECTED}
    rows = max(1, int(_BLOCK_BYTES / (8 * max(1, n_particles) ** 2)))
    for start in range(0, n_jets, rows):
        part = slice(start, start + rows)
        for name, values in _of_block(z[part], eta[part], phi[part]).items():
            found[name][part] = values
    return found


def of_ragged(
    z: np.ndarray, eta: np.ndarray, phi: np.ndarray, offsets: np.ndarray, n_particles_max: int | None = None
) -> dict[str, np.ndarray]:
    """As `energy_flow_polynomials`, for jets that stand one behind the other.

    Jets of like length are padded together, so that little is computed for nothing.

    Args:
        z, eta, phi: (n_values,).
        offsets: (n_jets + 1,).
        n_particles_max: leave out all but this many first particles of a jet.
    """
    counts = np.diff(offsets)
    if n_particles_max is not None:
        counts = np.minimum(counts, n_particles_max)
    order = np.argsort(counts, kind="stable")
    found = {name: np.zeros(len(counts)) for name in CONNECTED}
    start = 0
    while start < len(order):
        # The number of rows whose longest still fits: lengths rise along `order`.
        size = (1 + np.arange(len(order) - start)) * np.maximum(1, counts[order[start:]]) ** 2
        stop = start + max(1, int(np.searchsorted(size, _BLOCK_BYTES / 8, side="right")))
        rows = order[start:stop]
        step = np.arange(max(1, counts[rows[-1]]))
        real = step < counts[rows, None]
        index = np.where(real, offsets[rows, None] + step, 0)
        columns = (
            [np.where(real, column[index], 0.0) for column in (z, eta, phi)]
            if len(z)
            else [np.zeros(real.shape)] * 3
        )
        for name, values in _of_block(*columns).items():
            found[name][rows] = values
        start = stop
    return found


def all_polynomials(connected: dict[str, np.ndarray], total: np.ndarray) -> np.ndarray:
    """All 36 polynomials of degree 4 and less: the node without an edge, and all products of connected ones.

    Args:
        connected: (n_jets,) each, from `energy_flow_polynomials`.
        total: (n_jets,) sum of z.

    Returns:
        (n_jets, 36), of degree 0, 1, 2, 2, 2, 3 ...
    """
    products = [
        names
        for count in range(1, DEGREE_MAX + 1)
        for names in combinations_with_replacement(CONNECTED, count)
        if _degree(names) <= DEGREE_MAX
    ]
    products.sort(key=_degree)
    columns = [np.prod([connected[name] for name in names], axis=0) for names in products]
    return np.stack([np.asarray(total, np.float64), *columns], axis=1)


def _degree(names: tuple[str, ...]) -> int:
    return sum(len(CONNECTED[name]) for name in names)


def _of_block(z: np.ndarray, eta: np.ndarray, phi: np.ndarray) -> dict[str, np.ndarray]:
    z, eta, phi = (np.asarray(values, np.float64) for values in (z, eta, phi))
    angle = np.hypot(eta[:, :, None] - eta[:, None, :], phi[:, :, None] - phi[:, None, :])
    square = angle**2

    def pull(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The sum over neighbours: what hangs on an edge from each particle."""
        return (matrix @ values[:, :, None])[:, :, 0]

    def total(values: np.ndarray) -> np.ndarray:
        return np.einsum("ji,ji->j", z, values)

    one, two = pull(angle, z), pull(square, z)
    three, four = pull(square * angle, z), pull(square**2, z)
    second = pull(angle, z * one)
    # The two-step angle from i to k through any particle, and the triangles at each particle.
    through = (angle * z[:, None, :]) @ angle
    closed = through * angle
    triangles = pull(closed, z)
    return {
        "edge": total(one),
        "double_edge": total(two),
        "path_3": total(one**2),
        "triple_edge": total(three),
        "path_3_doubled": total(one * two),
        "triangle": total(triangles),
        "path_4": total(one * second),
        "star_3": total(one**3),
        "quadruple_edge": total(four),
        "path_3_tripled": total(one * three),
        "path_3_both_doubled": total(two**2),
        "triangle_doubled": total(pull(closed * angle, z)),
        "cycle_4": total(pull(through**2, z)),
        "triangle_with_tail": total(triangles * one),
        "path_4_end_doubled": total(two * second),
        "path_4_middle_doubled": total(one * pull(square, z * one)),
        "star_3_doubled": total(one**2 * two),
        "path_5": total(second**2),
        "star_4": total(one**4),
        "fork": total(one**2 * second),
    }
