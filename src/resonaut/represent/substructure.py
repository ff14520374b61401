"""All substructure of jets that the settings ask for; clusterings are shared between groups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from resonaut import ragged
from resonaut.events import Columns
from resonaut.represent.feature_settings import FeatureSettings, GroomerSettings, ShapeSettings
from resonaut.represent.jets import grooming, lund, shapes
from resonaut.represent.jets.correlators import correlators
from resonaut.represent.jets.grooming import Groomed
from resonaut.represent.jets.nsubjettiness import n_subjettiness
from resonaut.represent.jets.recombination import History, cluster

# Jets with about this many constituents are clustered at a time: their trees take 20 MB.
_BLOCK = 100_000


@dataclass(frozen=True)
class Substructure:
    """Substructure of jets.

    Attributes:
        columns: (n_jets,) each, named as in `resonaut.represent.features`; GeV, radian, mm.
        lund: primary declusterings, (n_declusterings,) each; empty where they are not asked for.
        lund_offsets: (n_jets + 1,).
    """

    columns: Columns
    lund: Columns
    lund_offsets: np.ndarray


class Clusterings:
    """Clusterings of the jets of one block, made when first used.

    Args:
        constituents: pt, eta, phi, mass of shape (n_constituents,); GeV, radian.
        offsets: (n_jets + 1,) first constituent of each jet, from 0; every jet has at least one.
    """

    def __init__(self, constituents: Columns, offsets: np.ndarray) -> None:
        self.constituents = constituents
        self.offsets = offsets

    @cached_property
    def cambridge(self) -> History:
        """Cambridge/Aachen, E-scheme."""
        return cluster(self.constituents, self.offsets, "cambridge")

    @cached_property
    def kt(self) -> History:
        """kt, E-scheme."""
        return cluster(self.constituents, self.offsets, "kt")

    @cached_property
    def winner_takes_all(self) -> History:
        """kt, winner-takes-all."""
        return cluster(self.constituents, self.offsets, "kt", winner_takes_all=True)


def substructure(constituents: Columns, offsets: np.ndarray, settings: FeatureSettings) -> Substructure:
    """Substructure of jets from their constituents.

    Args:
        constituents: pt, eta, phi, mass and, where there are any, charge, d0 of shape (n_constituents,);
            GeV, radian, mm; d0 is NaN where there is no track.
        offsets: (n_jets + 1,) first constituent of each jet; every jet has at least one.
        settings: which, and how.
    """
    n_jets = len(offsets) - 1
    blocks = []
    start = 0
    while start < n_jets or not blocks:
        stop = int(np.searchsorted(offsets, offsets[start] + _BLOCK, side="right")) - 1
        stop = min(max(stop, start + 1), n_jets)
        rows = slice(offsets[start], offsets[stop])
        part = {name: values[rows] for name, values in constituents.items()}
        blocks.append(_block(Clusterings(part, offsets[start : stop + 1] - offsets[start]), settings))
        start = stop
    return Substructure(
        {name: np.concatenate([block.columns[name] for block in blocks]) for name in blocks[0].columns},
        {name: np.concatenate([block.lund[name] for block in blocks]) for name in blocks[0].lund},
        ragged.offsets_of(np.concatenate([np.diff(block.lund_offsets) for block in blocks])),
    )


def _block(jets: Clusterings, settings: FeatureSettings) -> Substructure:
    columns = {"multiplicity": np.diff(jets.offsets)}
    for name, groomed in _groomed(jets, settings.groomers).items():
        columns |= {
            f"{name}_mass": groomed.mass,
            f"{name}_pt": groomed.pt,
            f"{name}_multiplicity": groomed.size,
        }
        if groomed.zg is not None and groomed.rg is not None:
            columns |= {f"{name}_zg": groomed.zg, f"{name}_rg": groomed.rg}
    if (subjettiness := settings.nsubjettiness) is not None:
        history = jets.winner_takes_all if "wta" in subjettiness.axes else jets.kt
        taus = n_subjettiness(
            history,
            subjettiness.n_max,
            subjettiness.beta,
            subjettiness.radius,
            subjettiness.axes.startswith("onepass"),
        )
        columns |= {f"tau{n + 1}": tau for n, tau in enumerate(taus.T)}
    if settings.correlators is not None:
        columns |= correlators(jets.cambridge, settings.correlators.names, settings.correlators.beta)
    if settings.shapes is not None:
        columns |= _shapes(jets, settings.shapes)
    declusterings: Columns = {}
    lund_offsets = np.zeros(len(jets.offsets), np.int64)
    if settings.lund is not None:
        columns["lund_multiplicity"] = lund.multiplicity(jets.cambridge, settings.lund.kt_min)
        if settings.lund.store:
            declusterings, lund_offsets = lund.primary_plane(jets.cambridge)
    return Substructure(columns, declusterings, lund_offsets)


def _groomed(jets: Clusterings, settings: GroomerSettings) -> dict[str, Groomed]:
    groomed = {}
    if (how := settings.soft_drop) is not None:
        groomed["soft_drop"] = grooming.soft_drop(jets.cambridge, how.z_cut, how.beta, how.radius)
    if (how := settings.mmdt) is not None:
        groomed["mmdt"] = grooming.modified_mass_drop(jets.cambridge, how.y_cut, how.mu)
    if (how := settings.trimming) is not None:
        groomed["trimming"] = grooming.trimming(
            jets.constituents, jets.offsets, how.radius, how.pt_fraction, how.algorithm
        )
    if (how := settings.pruning) is not None:
        whole = jets.cambridge.momentum[jets.cambridge.end - 1]
        groomed["pruning"] = grooming.pruning(
            jets.constituents, jets.offsets, whole, how.z_cut, how.r_cut_factor
        )
    return groomed


def _shapes(jets: Clusterings, settings: ShapeSettings) -> Columns:
    history, offsets = jets.cambridge, jets.offsets
    pt = history.pt[shapes.constituent_nodes(history, offsets)]
    columns = {
        "width": shapes.width(pt, shapes.distances(history, history, offsets), offsets),
        "ptd": shapes.pt_dispersion(pt, offsets),
    }
    if settings.angularities:
        distance = shapes.distances(history, jets.winner_takes_all, offsets)
        named = shapes.angularities(pt, distance, offsets, settings.angularities, settings.radius)
        columns |= {f"angularity_{name}": values for name, values in named.items()}
    if "charge" in jets.constituents:
        charges = jets.constituents["charge"]
        jet_pt = history.pt[history.end - 1]
        columns["charge"] = shapes.charge(pt, charges, jet_pt, offsets, settings.charge_kappa)
        columns["charged_multiplicity"] = ragged.sums((charges != 0).astype(np.int64), offsets)
    if "d0" in jets.constituents:
        columns["n_displaced_tracks"], columns["max_abs_d0"] = shapes.displaced_tracks(
            jets.constituents["d0"], offsets, settings.d0_min
        )
    return columns
