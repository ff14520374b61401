"""Constituents of NanoAOD-like jets, from candidates and the links to them."""

from __future__ import annotations

import numpy as np

from resonaut import ragged
from resonaut.events import Columns
from resonaut.ingest.batch import Ragged
from resonaut.ingest.ordering import falling_pt
from resonaut.ingest.pdg import charge_of, pdg_class

_MM_PER_CM = 10.0
_NO_TRACK = -1.0


def constituents_of(
    candidates: Columns, of_jet: np.ndarray, of_candidate: np.ndarray, n_jets: int, puppi: bool
) -> Ragged:
    """Constituents of each jet by falling pt.

    Args:
        candidates: (n_candidates,) columns: pt, eta, phi, mass, pdg_id and, where known, charge, d0, dz (cm),
            puppi_weight.
        of_jet, of_candidate: (n_links,) jet and candidate of each link, in any order.
        n_jets: number of jets.
        puppi: whether PUPPI weights are applied to pt and mass.

    Returns:
        The columns of the store, of each jet.
    """
    pt, puppi_weight = candidates["pt"][of_candidate], None
    if puppi and "puppi_weight" in candidates:
        puppi_weight = candidates["puppi_weight"][of_candidate]
        # A candidate of weight 0 is none of the jet's.
        kept = puppi_weight != 0
        if not kept.all():
            of_jet, of_candidate = of_jet[kept], of_candidate[kept]
            pt, puppi_weight = pt[kept], puppi_weight[kept]
        pt = pt * puppi_weight
    order = falling_pt(of_jet, pt)
    index = of_candidate[order]
    columns = {name: values[index] for name, values in candidates.items()}
    columns["pt"] = pt[order]
    if puppi_weight is not None:
        columns["mass"] = columns["mass"] * puppi_weight[order]
        del columns["puppi_weight"]
    counts = np.bincount(of_jet, minlength=n_jets)
    return _measured(Ragged(columns, ragged.offsets_of(counts)))


def _measured(constituents: Ragged) -> Ragged:
    """Columns of the store: classes, charges, mm, no impact parameters without a track."""
    columns = constituents.columns
    pdg_id = columns.pop("pdg_id")
    if "charge" not in columns:
        columns["charge"] = charge_of(pdg_id)
    columns["pdg_class"] = pdg_class(pdg_id, columns["charge"])
    no_track = columns["charge"] == 0
    if "d0" in columns and "dz" in columns:
        # Both are -1 where a candidate is neutral or too soft for its track to be kept.
        no_track |= (columns["d0"] == _NO_TRACK) & (columns["dz"] == _NO_TRACK)
    for name in {"d0", "dz"} & columns.keys():
        columns[name] = columns[name] * np.float32(_MM_PER_CM)
        columns[name][no_track] = np.nan
    return constituents
