"""Point clouds: constituents relative to their jet, ragged (arXiv:1902.08570, table 2).

constituents/delta_eta, delta_phi     relative to the jet's axis
constituents/log_pt, log_energy       logarithm of pt and energy in GeV
constituents/log_pt_fraction, log_energy_fraction    logarithm of pt over the jet's, energy over the jet's
constituents/delta_r                  sqrt(delta_eta^2 + delta_phi^2)
constituents/charge                   where the source has it
offsets                               (n_events * n_jets + 1,) first constituent of each jet
events/run, lumi, event, gen_weight, label, mass      (n_events,)
"""

from __future__ import annotations

import os

import numpy as np

from resonaut import ragged
from resonaut.events import Columns
from resonaut.kinematics import cartesian, delta_phi
from resonaut.represent.common import Leading, RowWriter, represent
from resonaut.represent.settings import RepresentSettings


def write_clouds(
    source: str | os.PathLike, output: str | os.PathLike, settings: RepresentSettings
) -> dict[str, int]:
    """Write the point clouds of a store (see the module) and return the cut flow.

    Raises:
        InputError, OutputError: the store cannot be read, or the output not be written.
    """
    longest = settings.clouds.n_constituents_max

    def rows(writer: RowWriter, leading: Leading) -> None:
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
        Columns of shape (n_constituents,) in float32, and the (n_jets + 1,) offsets.
    """
    index, offsets = ragged.take(leading.offsets, np.arange(len(leading.offsets) - 1), longest)
    pt, eta, phi, mass = (
        leading.constituents[name][index].astype(np.float64) for name in ("pt", "eta", "phi", "mass")
    )
    jet_of = ragged.row_of(offsets)
    jet = {name: values.astype(np.float64)[jet_of] for name, values in leading.jets.items()}
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
    if "charge" in leading.constituents:
        columns["charge"] = leading.constituents["charge"][index].astype(np.int8)
    return columns, offsets
