"""High-level features of the leading jets and of the event.

    events/run, lumi, event, gen_weight, label        (n_events,)
    events/mass                                       the resonant variable, GeV
    events/mjj, mj1, dmj, tau21_j1, tau21_j2, mj1_over_mjj, dmj_over_mjj, delta_eta    where n_jets >= 2
    jets/pt, eta, phi, mass, soft_drop_mass           (n_events, n_jets), leading jet first
    jets/tau1, tau2, tau3, tau21, tau32, multiplicity

J1 is the lighter and J2 the heavier of the two leading jets, dmj = m_J2 - m_J1, as in the features of the LHC
Olympics (arXiv:2109.00546, section 2). Masses in GeV.
"""

from __future__ import annotations

import os

import numpy as np

from resonaut.events import Columns
from resonaut.kinematics import leading_pair_mass
from resonaut.represent.common import Leading, RowWriter, represent
from resonaut.represent.settings import FeatureSettings, RepresentSettings
from resonaut.represent.substructure import n_subjettiness, soft_drop_mass

TAU_FLOOR = 1e-5
"""Added to the denominator of ratios of tau_N, as the LHC Olympics features do."""


def write_features(
    source: str | os.PathLike, output: str | os.PathLike, settings: RepresentSettings
) -> dict[str, int]:
    """Write the features of a store (see the module) and return the cut flow.

    Raises:
        InputError, OutputError: the store cannot be read, or the output not be written.
    """

    def rows(writer: RowWriter, leading: Leading) -> None:
        jets = jet_features(leading, settings.features)
        writer.append({f"jets/{name}": values for name, values in jets.items()})
        if leading.n_jets >= 2:
            events = event_features(jets)
            writer.append({f"events/{name}": values for name, values in events.items()})

    return represent("features", source, output, settings, rows, ("awkward", "fastjet", "h5py", "numpy"))


def jet_features(leading: Leading, settings: FeatureSettings) -> Columns:
    """Features of jets.

    Returns:
        Columns of shape (n_events, n_jets), float32 (multiplicity: int32); GeV, radian.
    """
    if len(leading):
        groomed = soft_drop_mass(leading.constituents, leading.offsets, settings)
        tau1, tau2, tau3 = n_subjettiness(leading.constituents, leading.offsets, settings).T
    else:
        groomed = tau1 = tau2 = tau3 = np.zeros(0)
    columns = {name: leading.jets[name] for name in ("pt", "eta", "phi", "mass")}
    columns |= {
        "soft_drop_mass": groomed,
        "tau1": tau1,
        "tau2": tau2,
        "tau3": tau3,
        "tau21": tau2 / (TAU_FLOOR + tau1),
        "tau32": tau3 / (TAU_FLOOR + tau2),
    }
    shape = (len(leading), leading.n_jets)
    table = {name: values.astype(np.float32).reshape(shape) for name, values in columns.items()}
    table["multiplicity"] = np.diff(leading.offsets).astype(np.int32).reshape(shape)
    return table


def event_features(jets: Columns) -> Columns:
    """Features of the two leading jets together.

    Args:
        jets: columns of shape (n_events, n_jets) with n_jets >= 2.

    Returns:
        Columns of shape (n_events,), float32; masses in GeV.
    """
    pair = {name: values[:, :2].astype(np.float64) for name, values in jets.items()}
    n_events = len(pair["pt"])
    mjj = leading_pair_mass(
        *(pair[name].ravel() for name in ("pt", "eta", "phi", "mass")), np.arange(n_events + 1) * 2
    )
    by_mass = np.argsort(pair["mass"], axis=1, kind="stable")
    lighter, heavier = np.take_along_axis(pair["mass"], by_mass, axis=1).T
    tau21_lighter, tau21_heavier = np.take_along_axis(pair["tau21"], by_mass, axis=1).T
    columns = {
        "mjj": mjj,
        "mj1": lighter,
        "dmj": heavier - lighter,
        "tau21_j1": tau21_lighter,
        "tau21_j2": tau21_heavier,
        "mj1_over_mjj": lighter / mjj,
        "dmj_over_mjj": (heavier - lighter) / mjj,
        "delta_eta": np.abs(pair["eta"][:, 0] - pair["eta"][:, 1]),
    }
    return {name: values.astype(np.float32) for name, values in columns.items()}
