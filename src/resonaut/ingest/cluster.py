"""Jets from candidates, with FastJet (arXiv:1111.6097)."""

from __future__ import annotations

import numpy as np

from resonaut import ragged
from resonaut.ingest.batch import Ragged
from resonaut.ingest.ordering import by_pt
from resonaut.ingest.settings import JetSettings
from resonaut.kinematics import cartesian, from_cartesian


def cluster(particles: Ragged, settings: JetSettings) -> tuple[Ragged, Ragged]:
    """Cluster the candidates of each event in the E scheme.

    Args:
        particles: candidates of each event: pt, eta, phi, mass (GeV, radian) and more columns.
        settings: algorithm, R and the smallest pt.

    Returns:
        The jets of each event (pt, eta, phi, mass; GeV, radian), sorted by pt, and the candidates of each
        jet with all their columns, sorted by pt.
    """
    import awkward as ak
    import fastjet

    algorithm = {
        "antikt": fastjet.antikt_algorithm,
        "cambridge_aachen": fastjet.cambridge_algorithm,
        "kt": fastjet.kt_algorithm,
    }[settings.algorithm]
    momenta = cartesian(*(particles.columns[name] for name in ("pt", "eta", "phi", "mass")))
    event_of = ak.contents.ListOffsetArray(
        ak.index.Index64(particles.offsets),
        ak.contents.RecordArray(
            [ak.contents.NumpyArray(values) for values in momenta],
            ["px", "py", "pz", "E"],
            parameters={"__record__": "Momentum4D"},
        ),
    )
    sequence = fastjet.ClusterSequence(ak.Array(event_of), fastjet.JetDefinition(algorithm, settings.radius))
    pt_min = settings.smallest_pt(clustered=True)
    found = sequence.inclusive_jets(min_pt=pt_min)
    members = sequence.constituent_index(min_pt=pt_min)

    jet_offsets = ragged.offsets_of(np.asarray(ak.num(found)))
    flat = [np.asarray(ak.flatten(found[name])) for name in ("px", "py", "pz", "E")]
    jets = Ragged(dict(zip(("pt", "eta", "phi", "mass"), from_cartesian(*flat), strict=True)), jet_offsets)
    per_jet = ak.flatten(members, axis=1)
    jet_of = ragged.row_of(jet_offsets)
    n_members = np.asarray(ak.num(per_jet))
    index = np.asarray(ak.flatten(per_jet)) + np.repeat(particles.offsets[:-1][jet_of], n_members)
    constituents = Ragged(
        {name: values[index] for name, values in particles.columns.items()}, ragged.offsets_of(n_members)
    )
    return by_pt(jets, constituents)
