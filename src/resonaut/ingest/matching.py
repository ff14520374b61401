"""Jets of simulated events matched to truth: the resonance and the heavy hadrons inside them."""

from __future__ import annotations

import numpy as np

from resonaut import ragged
from resonaut.ingest.batch import Ragged
from resonaut.kinematics import delta_phi

_TOP = 6


def matched(jets: Ragged, truth: Ragged, radius: float) -> np.ndarray:
    """Whether each jet holds a resonance and every quark that it decays to (arXiv:1902.09914, section 2).

    Args:
        jets: of each event: eta, phi.
        truth: of each event: eta, phi, pdg_id, parent: the place of the resonance inside the event, -1 for
            a resonance itself.
        radius: largest distance dR in (eta, phi) of the resonance and of each quark from the jet's axis.

    Returns:
        (n_jets,) int8: 1 or 0. A resonance without products, or with one that is no quark, matches no jet.
    """
    jet, row, starts = _pairs(jets, truth)
    near = _near(jets, truth, jet, row, radius)
    parent = truth.columns["parent"][row]
    product = np.flatnonzero(parent >= 0)
    code = np.abs(truth.columns["pdg_id"][row[product]])
    good = near[product] & (code >= 1) & (code <= _TOP)
    resonance = starts[jet[product]] + parent[product]
    n_products = np.bincount(resonance, minlength=len(jet))
    n_good = np.bincount(resonance[good], minlength=len(jet))
    whole = near & (parent < 0) & (n_products > 0) & (n_good == n_products)
    found = np.zeros(len(jets.columns["eta"]), np.int8)
    found[jet[whole]] = 1
    return found


def flavour(jets: Ragged, heavy_hadrons: Ragged, radius: float) -> np.ndarray:
    """Flavour of each jet by the weakly decaying hadrons inside it.

    A b or c hadron belongs to every jet whose axis is within the radius; there is no share among overlapping
    jets, as ghost association would make.

    Args:
        jets: of each event: eta, phi.
        heavy_hadrons: of each event: eta, phi, pdg_id.
        radius: largest distance dR in (eta, phi) from the axis of the jet.

    Returns:
        (n_jets,) int8: 5 with a b hadron, else 4 with a c hadron, else 0.
    """
    jet, row, _ = _pairs(jets, heavy_hadrons)
    near = _near(jets, heavy_hadrons, jet, row, radius)
    code = np.abs(heavy_hadrons.columns["pdg_id"][row])
    quark = np.maximum(code // 1000 % 10, code // 100 % 10).astype(np.int8)
    found = np.zeros(len(jets.columns["eta"]), np.int8)
    np.maximum.at(found, jet[near], quark[near])
    return found


def _pairs(jets: Ragged, others: Ragged) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every jet with every other of its event: (n_pairs,) rows of both, (n_jets + 1,) first pair of a jet."""
    row, starts = ragged.take(others.offsets, ragged.row_of(jets.offsets))
    return ragged.row_of(starts), row, starts


def _near(jets: Ragged, others: Ragged, jet: np.ndarray, row: np.ndarray, radius: float) -> np.ndarray:
    """(n_pairs,) mask of the pairs closer than the radius."""
    eta = jets.columns["eta"][jet] - others.columns["eta"][row]
    phi = delta_phi(jets.columns["phi"][jet], others.columns["phi"][row])
    return np.hypot(eta, phi) < radius
