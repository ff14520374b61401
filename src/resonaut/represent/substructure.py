"""Substructure of jets with FastJet: soft drop and N-subjettiness, one jet per "event" of its arrays."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.events import Columns
from resonaut.kinematics import cartesian
from resonaut.represent.settings import FeatureSettings

N_AXES = (1, 2, 3)
# Larger than any distance inside a jet, so that each jet is clustered into one.
_RADIUS = 1000.0
# Measured: few jets need more declusterings, and so many subjets still cost little.
_N_SUBJETS = 24
_KINEMATICS = ("pt", "eta", "phi", "mass")


def reclustered(columns: Columns, offsets: np.ndarray) -> Any:
    """Jets, each clustered again from its constituents with Cambridge/Aachen.

    Args:
        columns: pt, eta, phi, mass of shape (n_constituents,); GeV, radian.
        offsets: (n_jets + 1,) first constituent of each jet; every jet has at least one.

    Returns:
        A `fastjet.ClusterSequence` over n_jets "events".
    """
    import awkward as ak

    momenta = cartesian(*(columns[name] for name in _KINEMATICS))
    content = ak.contents.RecordArray(
        [ak.contents.NumpyArray(values) for values in momenta],
        ["px", "py", "pz", "E"],
        parameters={"__record__": "Momentum4D"},
    )
    return _sequence(ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), content)))


def _sequence(jets: Any) -> Any:
    import fastjet

    return fastjet.ClusterSequence(jets, fastjet.JetDefinition(fastjet.cambridge_algorithm, _RADIUS))


def soft_drop_mass(columns: Columns, offsets: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """Mass of the groomed jets (arXiv:1402.2657, eq. 1.1).

    FastJet's array interface takes a time of order n^2 to hand out n groomed constituents, which are not
    wanted here. So the last declusterings are looked at first, between at most `_N_SUBJETS` subjets: by the
    nature of C/A they are those of the whole jet. Only a jet that fails all of them is groomed from its
    constituents.

    Args:
        columns: pt, eta, phi, mass of shape (n_constituents,); GeV, radian.
        offsets: (n_jets + 1,) first constituent of each jet; every jet has at least one.
        settings: z_cut, beta and R0.

    Returns:
        (n_jets,) GeV.
    """
    with warnings.catch_warnings():
        # FastJet's interface warns of exclusive jets of any algorithm, C/A included.
        warnings.filterwarnings("ignore", message="dcut and exclusive jets")
        subjets = reclustered(columns, offsets).exclusive_jets_up_to(n_jets=_N_SUBJETS)
        mass, n_left = _groom(_sequence(subjets), settings)
        unsettled = np.flatnonzero((n_left == 1) & (np.diff(offsets) > _N_SUBJETS))
        if len(unsettled):
            index, kept = ragged.take(offsets, unsettled)
            rest = {name: columns[name][index] for name in _KINEMATICS}
            mass[unsettled] = _groom(reclustered(rest, kept), settings)[0]
    return mass


def _groom(sequence: Any, settings: FeatureSettings) -> tuple[np.ndarray, np.ndarray]:
    """Groomed mass, GeV, and number of constituents that are left."""
    import awkward as ak

    groomed = sequence.exclusive_jets_softdrop_grooming(
        njets=1, beta=settings.soft_drop_beta, symmetry_cut=settings.soft_drop_z_cut, R0=settings.radius
    )
    # Rounding can make the mass of a single massless particle negative.
    mass = np.maximum(np.asarray(groomed.msoftdrop), 0.0)
    return mass, np.asarray(ak.num(groomed.constituents.px))


def n_subjettiness(columns: Columns, offsets: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """tau_1, tau_2, tau_3 (arXiv:1108.2701, eq. 1.2) with one-pass winner-takes-all kt axes.

    Args:
        columns: pt, eta, phi, mass of shape (n_constituents,); GeV, radian.
        offsets: (n_jets + 1,) first constituent of each jet; every jet has at least one.
        settings: beta and R0.

    Returns:
        (n_jets, 3).
    """
    taus = reclustered(columns, offsets).njettiness(
        measure_definition="NormalizedMeasure",
        axes_definition="OnePass_WTA_KT_Axes",
        njets=list(N_AXES),
        beta=settings.nsubjettiness_beta,
        R0=settings.radius,
    )
    return np.asarray(taus).reshape(-1, len(N_AXES))
