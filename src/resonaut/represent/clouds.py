"""Point clouds: constituents relative to their jet, ragged (arXiv:1902.08570, table 2).

constituents/delta_eta, delta_phi     relative to the jet's axis
constituents/log_pt, log_energy       logarithm of pt and energy in GeV
constituents/log_pt_fraction, log_energy_fraction    logarithm of pt over the jet's, energy over the jet's
constituents/delta_r                  sqrt(delta_eta^2 + delta_phi^2)
constituents/charge, pdg_class        where the source has it; classes are those of `store.PDG_CLASSES`
constituents/d0, dz                   where the source has it, mm: 0 where there is no track
constituents/has_track                with d0 or dz: 1 where they were measured, 0 where there is no track
offsets                               (n_events * n_jets + 1,) first constituent of each jet
jets/pt, eta, phi, mass, energy                       (n_events, n_jets), leading jet first
jets/matched, label, flavour, btag_<name>             where the store has them
jets/gen_pt, gen_mass, gen_energy                     where it has generator jets; NaN for a jet without; GeV
events/run, lumi, event, gen_weight, label, mass      (n_events,)

The attribute `n_truncated_jets` counts jets with more constituents than are kept, `n_without_pt` the
constituents of pt 0, which have no logarithm and are left out.
"""

from __future__ import annotations

import os

import numpy as np

from resonaut import ragged
from resonaut.events import UNMEASURED, Columns
from resonaut.kinematics import cartesian, delta_phi
from resonaut.represent.common import Leading, RowWriter, represent
from resonaut.represent.settings import RepresentSettings

_CLASSES = ("charge", "pdg_class")


def write_clouds(
    source: str | os.PathLike, output: str | os.PathLike, settings: RepresentSettings
) -> dict[str, int]:
    """Write the point clouds of a store (see the module) and return the cut flow.

    Raises:
        InputError, OutputError: the store cannot be read, or the output not be written.
    """
    longest = settings.clouds.n_constituents_max
    counts = {"n_truncated_jets": 0, "n_without_pt": 0}

    def rows(writer: RowWriter, leading: Leading) -> None:
        with_pt = leading.constituents["pt"] > 0
        lengths = np.diff(ragged.keep(leading.offsets, with_pt))
        counts["n_truncated_jets"] += int((lengths > longest).sum())
        counts["n_without_pt"] += int((~with_pt).sum())
        writer.file.attrs.update(counts)
        columns, offsets = clouds(leading, longest)
        writer.append_offsets("offsets", offsets)
        writer.append({f"constituents/{name}": values for name, values in columns.items()})

    return represent("clouds", source, output, settings, rows)


def clouds(leading: Leading, longest: int) -> tuple[Columns, np.ndarray]:
    """Inputs of point-cloud taggers for one slice.

    Args:
        leading: the jets, with constituents sorted by pt.
        longest: leading constituents kept per jet.

    Returns:
        Columns of shape (n_constituents,), float32 (int8 for charge, class and track), and the (n_jets + 1,)
        offsets.
    """
    with_pt = leading.constituents["pt"] > 0
    kept = ragged.keep(leading.offsets, with_pt)
    index, offsets = ragged.take(kept, np.arange(len(kept) - 1), longest)
    index = np.flatnonzero(with_pt)[index]
    pt, eta, phi, mass = (
        leading.constituents[name][index].astype(np.float64) for name in ("pt", "eta", "phi", "mass")
    )
    jet_of = ragged.row_of(offsets)
    jet = {name: leading.jets[name].astype(np.float64)[jet_of] for name in ("pt", "eta", "phi")}
    energy = cartesian(pt, eta, phi, mass)[3]
    jet_energy = cartesian(*(leading.jets[name] for name in ("pt", "eta", "phi", "mass")))[3][jet_of]
    d_eta = eta - jet["eta"]
    d_phi = delta_phi(phi, jet["phi"])
    columns = {
        "delta_eta": d_eta,
        "delta_phi": d_phi,
        "delta_r": np.hypot(d_eta, d_phi),
        "log_pt": np.log(pt),
        "log_energy": np.log(energy),
        "log_pt_fraction": np.log(pt / jet["pt"]),
        "log_energy_fraction": np.log(energy / jet_energy),
    }
    columns = {name: values.astype(np.float32) for name, values in columns.items()}
    return {**columns, **_measured(leading.constituents, index)}, offsets


def _measured(constituents: Columns, index: np.ndarray) -> Columns:
    """Charge, class and impact parameters of the constituents that are kept, as far as the store has them."""
    columns = {name: constituents[name][index].astype(np.int8) for name in _CLASSES if name in constituents}
    impact = {name: constituents[name][index] for name in UNMEASURED if name in constituents}
    if impact:
        has_track = np.logical_and.reduce([np.isfinite(values) for values in impact.values()])
        columns |= {
            name: np.where(has_track, values, 0).astype(np.float32) for name, values in impact.items()
        }
        columns["has_track"] = has_track.astype(np.int8)
    return columns
