"""Groomers: soft drop, modified mass drop, trimming and pruning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.compiled import kernel
from resonaut.events import Columns
from resonaut.represent.jets.recombination import History, cluster, mass


@dataclass(frozen=True)
class Groomed:
    """What is left of each jet.

    Attributes:
        momentum: (n_jets, 4) px, py, pz, energy; GeV.
        size: (n_jets,) number of constituents.
        zg, rg: (n_jets,) fraction of pt of the softer prong, and distance of the prongs, at the declustering
            that passed; 0 where none did. Absent of trimming and pruning.
    """

    momentum: np.ndarray
    size: np.ndarray
    zg: np.ndarray | None = None
    rg: np.ndarray | None = None

    @property
    def mass(self) -> np.ndarray:
        """(n_jets,) GeV."""
        return mass(self.momentum)

    @property
    def pt(self) -> np.ndarray:
        """(n_jets,) GeV."""
        return np.hypot(self.momentum[:, 0], self.momentum[:, 1])


def soft_drop(history: History, z_cut: float, beta: float, radius: float) -> Groomed:
    """Soft drop (arXiv:1402.2657, eq. 1.1): go down the harder branch until z > z_cut (dR / R0)^beta.

    Args:
        history: Cambridge/Aachen, one tree per jet.
        z_cut, beta, radius: z_cut, beta and R0.
    """
    stop = _soft_drop(
        history.end - 1, history.hard, history.soft, history.pt, history.separation2, z_cut, beta, radius**2
    )
    return _at(history, stop)


def modified_mass_drop(history: History, y_cut: float, mu: float) -> Groomed:
    """Modified mass drop (arXiv:1307.0007).

    Down the branch of larger transverse mass until min(pt_1^2, pt_2^2) dR^2 / m^2 > y_cut and
    max(m_1, m_2) < mu m. A jet that never passes is left with one constituent.

    Args:
        history: Cambridge/Aachen, one tree per jet.
        y_cut: asymmetry.
        mu: mass drop; 1 or more asks for none.
    """
    stop = _mass_drop(
        history.end - 1,
        history.hard,
        history.soft,
        history.pt,
        history.momentum,
        history.separation2,
        y_cut,
        mu**2,
    )
    return _at(history, stop)


def trimming(
    columns: Columns, offsets: np.ndarray, radius: float, pt_fraction: float, algorithm: str = "kt"
) -> Groomed:
    """Trimming (arXiv:0912.1342): the subjets of at least a fraction of the jet's pt.

    Args:
        columns: pt, eta, phi, mass of shape (n_constituents,); GeV, radian.
        offsets: (n_jets + 1,) first constituent of each jet; every jet has at least one.
        radius: R_sub.
        pt_fraction: f_cut.
        algorithm: of the subjets.
    """
    subjets = cluster(columns, offsets, algorithm, radius)
    return Groomed(
        *_trim(subjets.first, subjets.end, subjets.parent, subjets.size, subjets.momentum, pt_fraction)
    )


def pruning(
    columns: Columns, offsets: np.ndarray, whole: np.ndarray, z_cut: float, r_cut_factor: float
) -> Groomed:
    """Pruning (arXiv:0903.5081): Cambridge/Aachen that drops what is soft and far at each merger.

    Args:
        columns: pt, eta, phi, mass of shape (n_constituents,); GeV, radian.
        offsets: (n_jets + 1,) first constituent of each jet; every jet has at least one.
        whole: (n_jets, 4) momenta of the jets.
        z_cut: pt of the softer below this fraction of the sum's,
        r_cut_factor: and distance above this factor times 2 m / pt of the jet.
    """
    pt = np.maximum(np.hypot(whole[:, 0], whole[:, 1]), np.finfo(float).tiny)
    pruned = cluster(columns, offsets, prune_z_cut=z_cut, prune_distance=r_cut_factor * 2 * mass(whole) / pt)
    return Groomed(pruned.momentum[pruned.end - 1], pruned.size[pruned.end - 1])


def _at(history: History, stop: np.ndarray) -> Groomed:
    soft, hard = history.soft[stop], history.hard[stop]
    passed = soft >= 0
    together = history.pt[hard] + history.pt[soft]
    zg = np.where(passed, history.pt[soft] / np.where(together > 0, together, 1.0), 0.0)
    return Groomed(history.momentum[stop], history.size[stop], zg, np.sqrt(history.separation2[stop]))


@kernel()
def _soft_drop(root, hard, soft, pt, separation2, z_cut, beta, radius2):
    """Node of each jet at which grooming stops."""
    stop = np.empty(len(root), np.int64)
    for jet in range(len(root)):
        at = root[jet]
        while soft[at] >= 0:
            threshold = z_cut
            if beta != 0:
                threshold *= (separation2[at] / radius2) ** (0.5 * beta)
            if pt[soft[at]] > threshold * (pt[soft[at]] + pt[hard[at]]):
                break
            at = hard[at]
        stop[jet] = at
    return stop


@kernel()
def _mass_drop(root, hard, soft, pt, momentum, separation2, y_cut, mu2):
    """Node of each jet at which grooming stops."""
    stop = np.empty(len(root), np.int64)
    for jet in range(len(root)):
        at = root[jet]
        while soft[at] >= 0:
            one, two = hard[at], soft[at]
            if _transverse_mass2(momentum, two) > _transverse_mass2(momentum, one):
                one, two = two, one
            mass2 = _mass2(momentum, at)
            dropped = mu2 >= 1 or max(_mass2(momentum, one), _mass2(momentum, two)) <= mu2 * mass2
            if dropped and pt[soft[at]] ** 2 * separation2[at] > y_cut * mass2:
                break
            at = one
        stop[jet] = at
    return stop


@kernel()
def _mass2(momentum, at):
    px, py, pz, energy = momentum[at]
    return energy * energy - px * px - py * py - pz * pz


@kernel()
def _transverse_mass2(momentum, at):
    return (momentum[at, 3] - momentum[at, 2]) * (momentum[at, 3] + momentum[at, 2])


@kernel()
def _trim(first, end, parent, size, momentum, fraction):
    """Momentum and number of constituents of the subjets that are kept."""
    kept = np.zeros((len(first), 4))
    n_kept = np.zeros(len(first), np.int64)
    for jet in range(len(first)):
        px = py = 0.0
        for node in range(first[jet], end[jet]):
            if parent[node] < 0:
                px += momentum[node, 0]
                py += momentum[node, 1]
        least2 = fraction * fraction * (px * px + py * py)
        for node in range(first[jet], end[jet]):
            if parent[node] < 0 and momentum[node, 0] ** 2 + momentum[node, 1] ** 2 >= least2:
                n_kept[jet] += size[node]
                for axis in range(4):
                    kept[jet, axis] += momentum[node, axis]
    return kept, n_kept
