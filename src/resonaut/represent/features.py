"""High-level features of the leading jets and of the event.

    events/run, lumi, event, gen_weight, label        (n_events,)
    events/mass                                       the resonant variable, GeV
    events/mjj, mj1, dmj, mj1_over_mjj, dmj_over_mjj, delta_eta               where n_jets >= 2
    events/tau21_j1, tau21_j2, and likewise tau32, c2, d2, m2, n2             where the jets have them
    jets/pt, eta, phi, mass, energy                   (n_events, n_jets), leading jet first
    jets/gen_pt, gen_mass, gen_energy                 where the store has generator jets; GeV, or NaN
    jets/multiplicity                                 number of constituents
    jets/<groomer>_mass, _pt, _multiplicity           soft_drop, mmdt, trimming, pruning; GeV
    jets/soft_drop_zg, soft_drop_rg, mmdt_zg, mmdt_rg the declustering that passed
    jets/tau1, tau2, ..., tau21, tau32, ...           N-subjettiness and its ratios
    jets/c1, c2, d2, m2, n2                           energy correlators
    jets/width, ptd, angularity_<name>                shapes
    jets/charge, charged_multiplicity                 where constituents have charges
    jets/n_displaced_tracks, max_abs_d0               where constituents have d0; mm
    jets/lund_multiplicity                            with `lund`
    jets/<name>                                       any other column of the store's jets: label, matched
    lund/ln_inverse_delta, ln_kt, z, psi              (n_declusterings,) with `lund.store`
    lund/offsets                                      (n_events * n_jets + 1,)

Which of them there are is up to the settings. Where the store has no constituents, jets keep the columns that
the store holds under these names (soft_drop_mass, tau1, ...), and what cannot be made is absent.

J1 is the lighter and J2 the heavier of the two leading jets, dmj = m_J2 - m_J1, as in the features of the LHC
Olympics (arXiv:2109.00546, section 2). Masses in GeV.
"""

from __future__ import annotations

import os

import numpy as np

from resonaut.errors import MissingBranchError
from resonaut.events import Columns
from resonaut.kinematics import leading_pair_mass
from resonaut.represent.common import KINEMATICS, Leading, RowWriter, jet_columns, narrow, represent
from resonaut.represent.settings import RepresentSettings
from resonaut.represent.substructure import Substructure, substructure

TAU_FLOOR = 1e-5
"""Added to the denominator of ratios of tau_N, as the LHC Olympics features do."""

_OF_BOTH_JETS = ("tau21", "tau32", "c2", "d2", "m2", "n2")


def write_features(
    source: str | os.PathLike, output: str | os.PathLike, settings: RepresentSettings
) -> dict[str, int]:
    """Write the features of a store (see the module) and return the cut flow.

    Raises:
        InputError, OutputError: the store cannot be read, or the output not be written.
        MissingBranchError: jets have neither a mass nor constituents to make it from.
    """

    def rows(writer: RowWriter, leading: Leading) -> None:
        if "mass" not in leading.jets and not leading.constituents:
            raise MissingBranchError(
                f"{source}: jets/mass is absent, and so are constituents to make it from; the jets hold "
                f"{', '.join(sorted(leading.jets))}. Ingest a jet collection with masses."
            )
        found = None
        if leading.constituents:
            found = substructure(leading.constituents, leading.offsets, settings.features)
        jets = jet_features(leading, found)
        carried = jet_columns(leading)
        writer.append({f"jets/{name}": values for name, values in jets.items() if name not in carried})
        if found is not None and found.lund:
            writer.append({f"lund/{name}": v.astype(np.float32) for name, v in found.lund.items()})
            writer.append_offsets("lund/offsets", found.lund_offsets)
        if leading.n_jets >= 2:
            events = event_features(jets)
            writer.append({f"events/{name}": values for name, values in events.items()})

    return represent("features", source, output, settings, rows, ("h5py", "numba", "numpy"))


def jet_features(leading: Leading, found: Substructure | None) -> Columns:
    """Features of jets.

    Args:
        leading: the jets.
        found: their substructure; absent where the store has no constituents.

    Returns:
        Columns of shape (n_events, n_jets), float32 (counts: int32); GeV, radian.
    """
    columns = dict(leading.jets)
    if found is not None:
        columns |= found.columns
    n_axes = 2
    while f"tau{n_axes}" in columns and f"tau{n_axes - 1}" in columns:
        above = columns[f"tau{n_axes - 1}"]
        columns[f"tau{n_axes}{n_axes - 1}"] = columns[f"tau{n_axes}"] / (TAU_FLOOR + above)
        n_axes += 1
    shape = (len(leading), leading.n_jets)
    return {name: narrow(values).reshape(shape) for name, values in columns.items()}


def event_features(jets: Columns) -> Columns:
    """Features of the two leading jets together.

    Args:
        jets: columns of shape (n_events, n_jets) with n_jets >= 2.

    Returns:
        Columns of shape (n_events,), float32; masses in GeV.
    """
    of_both = [name for name in _OF_BOTH_JETS if name in jets]
    pair = {name: jets[name][:, :2].astype(np.float64) for name in (*KINEMATICS, *of_both)}
    n_events = len(pair["pt"])
    mjj = leading_pair_mass(*(pair[name].ravel() for name in KINEMATICS), np.arange(n_events + 1) * 2)
    by_mass = np.argsort(pair["mass"], axis=1, kind="stable")
    lighter, heavier = np.take_along_axis(pair["mass"], by_mass, axis=1).T
    columns = {
        "mjj": mjj,
        "mj1": lighter,
        "dmj": heavier - lighter,
        "mj1_over_mjj": lighter / mjj,
        "dmj_over_mjj": (heavier - lighter) / mjj,
        "delta_eta": np.abs(pair["eta"][:, 0] - pair["eta"][:, 1]),
    }
    for name in of_both:
        columns[f"{name}_j1"], columns[f"{name}_j2"] = np.take_along_axis(pair[name], by_mass, axis=1).T
    return {name: values.astype(np.float32) for name, values in columns.items()}
