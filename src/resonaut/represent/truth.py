"""Generator jets of the jets that are kept: what the mass and energy were before the detector."""

from __future__ import annotations

import numpy as np

from resonaut import ragged
from resonaut.events import Columns
from resonaut.kinematics import cartesian, delta_phi

GEN_MATCH_RADIUS = 0.4
"""Generator jets farther from the axis belong to no jet: half the radius of R = 0.8, as in the resolutions of
CMS (arXiv:1107.4277, section 7: 0.25 for R = 0.5). Jets of R = 1.0 are resolved far better than this."""


def match(
    jets: Columns,
    event_offsets: np.ndarray,
    gen_jets: Columns,
    gen_jet_offsets: np.ndarray,
    radius: float = GEN_MATCH_RADIUS,
) -> np.ndarray:
    """The generator jet of each jet: one to one, the hardest jet chooses first, the nearest is taken.

    Args:
        jets: eta, phi of shape (n_jets,), sorted by pt inside an event; radian.
        event_offsets: (n_events + 1,) first jet of each event.
        gen_jets: eta, phi of shape (n_gen_jets,), sorted by pt inside an event.
        gen_jet_offsets: (n_events + 1,) first generator jet of each event.
        radius: the generator jet must be nearer than this in eta and phi.

    Returns:
        (n_jets,) index into the generator jets; -1 where there is none.
    """
    found = np.full(int(event_offsets[-1]), -1)
    n_jets = np.diff(event_offsets)
    event_of_gen = ragged.row_of(gen_jet_offsets)
    filled = np.flatnonzero(np.diff(gen_jet_offsets))
    free = np.ones(len(event_of_gen), bool)
    for rank in range(n_jets.max(initial=0) if len(filled) else 0):
        wanted = free & (n_jets > rank)[event_of_gen]
        jet = (event_offsets[:-1] + rank)[event_of_gen[wanted]]
        distance = np.full(len(free), np.inf)
        distance[wanted] = np.hypot(
            gen_jets["eta"][wanted].astype(np.float64) - jets["eta"][jet],
            delta_phi(gen_jets["phi"][wanted].astype(np.float64), jets["phi"][jet]),
        )
        smallest = np.full(len(n_jets), np.inf)
        smallest[filled] = np.minimum.reduceat(distance, gen_jet_offsets[:-1][filled])
        nearest = np.flatnonzero((distance == smallest[event_of_gen]) & (distance < radius))
        # Of two that are equally near, the harder.
        events, first = np.unique(event_of_gen[nearest], return_index=True)
        found[event_offsets[:-1][events] + rank] = nearest[first]
        free[nearest[first]] = False
    return found


def gen_columns(
    jets: Columns, event_offsets: np.ndarray, gen_jets: Columns, gen_jet_offsets: np.ndarray
) -> Columns:
    """Columns of the generator jets that belong to jets.

    Args:
        jets, event_offsets, gen_jets, gen_jet_offsets: see `match`; generator jets with pt and mass, too.

    Returns:
        gen_pt, gen_mass and gen_energy of shape (n_jets,), float32, GeV; NaN where a jet has none.
    """
    index = match(jets, event_offsets, gen_jets, gen_jet_offsets)
    columns = {
        "gen_pt": gen_jets["pt"],
        "gen_mass": gen_jets["mass"],
        "gen_energy": cartesian(*(gen_jets[name] for name in ("pt", "eta", "phi", "mass")))[3],
    }
    # The row behind the last is that of jets without a generator jet.
    return {name: np.append(values, np.nan).astype(np.float32)[index] for name, values in columns.items()}
