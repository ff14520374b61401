"""Sequential recombination of the constituents of each jet, with its whole history.

Generalised kt (arXiv:0802.1189, eq. 1): d_ij = min(kt_i^2p, kt_j^2p) dR_ij^2 / R^2, d_iB = kt_i^2p, distances
in rapidity and phi. The smallest of all d_ij stands between a particle and its nearest neighbour
(arXiv:hep-ph/0512210), and a merger changes few neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.compiled import kernel
from resonaut.events import Columns
from resonaut.kinematics import cartesian

POWERS = {"kt": 1, "cambridge": 0, "anti_kt": -1}
"""p of each algorithm."""

_FAR = 1e300
_EVERYWHERE = 1e200
# Of a particle without transverse momentum, whose direction means nothing.
_TINY = 1e-300


@dataclass(frozen=True)
class History:
    """Binary trees of mergers. Constituents are nodes too; nodes stand in the order in which they were made.

    Attributes:
        first: (n_jets,) first node of each jet; its constituents come first, in their own order.
        end: (n_jets,) one behind the last node: `end - 1` is the whole jet, unless R cut it in pieces.
        hard, soft: (n_nodes,) the child of larger and of smaller pt; -1 for a constituent.
        parent: (n_nodes,) -1 for a node that was not merged.
        size: (n_nodes,) number of constituents.
        momentum: (n_nodes, 4) sum of px, py, pz, energy; GeV.
        pt, rapidity, phi: (n_nodes,) by the scheme of recombination; GeV, radian.
        separation2: (n_nodes,) squared distance of the children in rapidity and phi; 0 for a constituent.
    """

    first: np.ndarray
    end: np.ndarray
    hard: np.ndarray
    soft: np.ndarray
    parent: np.ndarray
    size: np.ndarray
    momentum: np.ndarray
    pt: np.ndarray
    rapidity: np.ndarray
    phi: np.ndarray
    separation2: np.ndarray


def mass(momentum: np.ndarray) -> np.ndarray:
    """(n,) masses of the (n, 4) momenta px, py, pz, energy, GeV; 0 for a space-like momentum."""
    px, py, pz, energy = np.moveaxis(momentum, -1, 0)
    absolute = np.sqrt(px * px + py * py + pz * pz)
    return np.sqrt(np.maximum((energy - absolute) * (energy + absolute), 0.0))


def cluster(
    columns: Columns,
    offsets: np.ndarray,
    algorithm: str = "cambridge",
    radius: float | None = None,
    winner_takes_all: bool = False,
    prune_z_cut: float = 0.0,
    prune_distance: np.ndarray | None = None,
) -> History:
    """Cluster the constituents of each jet again.

    Args:
        columns: pt, eta, phi, mass of shape (n_constituents,); GeV, radian.
        offsets: (n_jets + 1,) first constituent of each jet; every jet has at least one.
        algorithm: one of `POWERS`.
        radius: R; absent: so large that each jet becomes one.
        winner_takes_all: the sum of two has the direction of the harder and the sum of their pt
            (arXiv:1310.7584); otherwise four-momenta are added.
        prune_z_cut: a merger is vetoed, and the softer dropped, where its pt is below this fraction of the
            sum's and the distance above `prune_distance` (arXiv:0903.5081).
        prune_distance: (n_jets,) absent: no veto.
    """
    momentum = np.stack(cartesian(*(columns[name] for name in ("pt", "eta", "phi", "mass"))), axis=1)
    offsets = np.ascontiguousarray(offsets, np.int64)
    n_jets = len(offsets) - 1
    veto = np.full(n_jets, _EVERYWHERE) if prune_distance is None else np.square(prune_distance)
    end, integers, floats, momenta = _cluster_jets(
        momentum,
        offsets,
        POWERS[algorithm],
        _EVERYWHERE if radius is None else radius * radius,
        winner_takes_all,
        prune_z_cut,
        veto,
    )
    hard, soft, parent, size = integers
    pt, rapidity, phi, separation2 = floats
    return History(2 * offsets[:-1], end, hard, soft, parent, size, momenta, pt, rapidity, phi, separation2)


@kernel()
def _set_direction(node, momentum, floats):
    """Fill pt, rapidity and phi of a node from its momentum."""
    px, py, pz, energy = momentum[node, 0], momentum[node, 1], momentum[node, 2], momentum[node, 3]
    pt2 = px * px + py * py
    mass2 = max(0.0, energy * energy - pt2 - pz * pz)
    light_cone = max(energy + abs(pz), np.sqrt(_TINY))
    rapidity = 0.5 * np.log(max(pt2 + mass2, _TINY) / (light_cone * light_cone))
    floats[0, node] = np.sqrt(pt2)
    floats[1, node] = -rapidity if pz > 0 else rapidity
    floats[2, node] = np.arctan2(py, px)


@kernel()
def _smallest(bits, n, index_bits):
    """Index of the smallest of the first `n` numbers, none negative, given as their bits.

    The last bits of each make room for its index, so that one pass of vector instructions finds both.
    """
    low = (np.int64(1) << index_bits) - 1
    best = np.int64(0x7FFFFFFFFFFFFFFF)
    for row in range(n):
        best = min(best, (bits[row] & ~low) | row)
    return best & low


@kernel()
def _set_nearest(row, n, place, radius2, nearest, nearest2, scratch, bits, index_bits):
    """Find the nearest neighbour of a row within the radius (-1: none); `bits` are those of `scratch`."""
    rapidity, phi = place[0], place[1]
    y, f = rapidity[row], phi[row]
    for other in range(n):
        dphi = np.pi - abs(np.pi - abs(phi[other] - f))
        dy = rapidity[other] - y
        scratch[other] = dy * dy + dphi * dphi
    scratch[row] = _FAR
    best = _smallest(bits, n, index_bits)
    inside = scratch[best] < radius2
    nearest[row] = best if inside else -1
    nearest2[row] = scratch[best] if inside else radius2


@kernel()
def _set_scale(row, node, power, floats, place):
    """Copy the direction of a node to its row, with kt^2p."""
    place[0, row] = floats[1, node]
    place[1, row] = floats[2, node]
    pt2 = max(floats[0, node] ** 2, _TINY)
    place[2, row] = 1.0 if power == 0 else (pt2 if power > 0 else 1.0 / pt2)


@kernel()
def _closest(n, scale, nearest2, scratch, bits, index_bits):
    """Row of the smallest distance measure: its kt^2p is the smaller one, or there were a smaller still."""
    for row in range(n):
        scratch[row] = nearest2[row] * scale[row]
    return _smallest(bits, n, index_bits)


@kernel()
def _merge(one, two, new, winner, z_cut, veto2, integers, floats, momentum):
    """Make node `new` of two nodes."""
    hard, soft = (one, two) if floats[0, one] >= floats[0, two] else (two, one)
    dy = floats[1, one] - floats[1, two]
    dphi = np.pi - abs(np.pi - abs(floats[2, one] - floats[2, two]))
    separation2 = dy * dy + dphi * dphi
    integers[0, new] = hard
    integers[1, new] = soft
    integers[2, new] = -1
    integers[2, hard] = new
    integers[2, soft] = new
    integers[3, new] = integers[3, hard] + integers[3, soft]
    floats[3, new] = separation2
    for axis in range(4):
        momentum[new, axis] = momentum[hard, axis] + momentum[soft, axis]
    if winner:
        floats[0, new] = floats[0, hard] + floats[0, soft]
        floats[1, new] = floats[1, hard]
        floats[2, new] = floats[2, hard]
        return
    _set_direction(new, momentum, floats)
    if separation2 > veto2 and floats[0, soft] < z_cut * floats[0, new]:
        integers[3, new] = integers[3, hard]
        for axis in range(4):
            momentum[new, axis] = momentum[hard, axis]
        for quantity in range(3):
            floats[quantity, new] = floats[quantity, hard]


@kernel()
def _remove(gone, last, place, node, nearest, nearest2):
    """Move the last row into one that is gone, and let the rows that point at it follow."""
    for quantity in range(3):
        place[quantity, gone] = place[quantity, last]
    node[gone] = node[last]
    nearest[gone] = nearest[last]
    nearest2[gone] = nearest2[last]
    for row in range(last):
        nearest[row] = gone if nearest[row] == last else nearest[row]


@kernel()
def _renew(new, n, place, radius2, nearest, nearest2, scratch, bits, index_bits):
    """Neighbours after a merger: rows marked -2 look again, others take the new one if nearer."""
    rapidity, phi = place[0], place[1]
    y, f = rapidity[new], phi[new]
    for row in range(n):
        dphi = np.pi - abs(np.pi - abs(phi[row] - f))
        dy = rapidity[row] - y
        scratch[row] = dy * dy + dphi * dphi
    for row in range(n):
        closer = (scratch[row] < nearest2[row]) & (nearest[row] != -2) & (row != new)
        nearest[row] = new if closer else nearest[row]
        nearest2[row] = scratch[row] if closer else nearest2[row]
    for row in range(n):
        if nearest[row] == -2:
            _set_nearest(row, n, place, radius2, nearest, nearest2, scratch, bits, index_bits)


@kernel()
def _cluster_jets(momenta, offsets, power, radius2, winner, z_cut, veto2):
    """Ends of jets, nodes: (hard, soft, parent, size), (pt, rapidity, phi, separation2), momenta."""
    n_jets = len(offsets) - 1
    n_nodes = 2 * offsets[-1]
    integers = np.full((4, n_nodes), -1, np.int64)
    floats = np.zeros((4, n_nodes))
    momentum = np.zeros((n_nodes, 4))
    end = np.empty(n_jets, np.int64)
    largest = 1
    for jet in range(n_jets):
        largest = max(largest, offsets[jet + 1] - offsets[jet])
    place = np.empty((3, largest))
    node, nearest = np.empty(largest, np.int64), np.empty(largest, np.int64)
    nearest2, scratch = np.empty(largest), np.empty(largest)
    bits = scratch.view(np.int64)
    index_bits = 1
    while (1 << index_bits) < largest:
        index_bits += 1
    for jet in range(n_jets):
        new = 2 * offsets[jet]
        n = offsets[jet + 1] - offsets[jet]
        for row in range(n):
            for axis in range(4):
                momentum[new, axis] = momenta[offsets[jet] + row, axis]
            integers[3, new] = 1
            _set_direction(new, momentum, floats)
            _set_scale(row, new, power, floats, place)
            node[row] = new
            new += 1
        for row in range(n):
            _set_nearest(row, n, place, radius2, nearest, nearest2, scratch, bits, index_bits)
        while n > 1:
            kept = _closest(n, place[2], nearest2, scratch, bits, index_bits)
            gone = nearest[kept]
            n -= 1
            if gone < 0:
                _remove(kept, n, place, node, nearest, nearest2)
                continue
            _merge(node[kept], node[gone], new, winner, z_cut, veto2[jet], integers, floats, momentum)
            for row in range(n + 1):
                nearest[row] = -2 if (nearest[row] == gone) | (nearest[row] == kept) else nearest[row]
            nearest[kept] = -2
            _set_scale(kept, new, power, floats, place)
            node[kept] = new
            new += 1
            _remove(gone, n, place, node, nearest, nearest2)
            _renew(
                kept if kept < n else gone, n, place, radius2, nearest, nearest2, scratch, bits, index_bits
            )
        end[jet] = new
    return end, integers, floats, momentum
