"""Columns of generated jets that follow from what was generated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from resonaut import ragged
from resonaut.generate.drawing import Drawn
from resonaut.kinematics import cartesian, from_cartesian

Columns = dict[str, np.ndarray]
_AXES = {"delta_eta", "delta_phi"}


def of_clouds(
    drawn: Drawn, columns: tuple[str, ...], jets: Mapping[str, np.ndarray]
) -> tuple[Columns, Columns]:
    """Columns of constituents and of jets of generated clouds, of massless constituents.

    Args:
        drawn: the clouds.
        columns: that were generated.
        jets: (n_jets,) columns `pt`, `eta`, `phi` that are known, GeV and radian. Without `pt` it is that of
            the constituents; an axis that is not known is 0.

    Returns:
        Of the constituents (float32) those that clouds of `represent` have and that were not generated, and
        of the jets pt, eta, phi, mass and energy; both empty where the axes or the pt of the constituents
        were not generated.
    """
    found = {name: drawn.values[:, number].astype(np.float64) for number, name in enumerate(columns)}
    owner = ragged.row_of(drawn.offsets)
    n_jets = len(drawn)
    if not found.keys() >= _AXES or not {"log_pt", "log_pt_fraction"} & found.keys():
        return {}, {}
    if "pt" in jets:
        log_jet_pt = np.log(jets["pt"].astype(np.float64))[owner]
        log_pt = found.get("log_pt", found.get("log_pt_fraction", 0.0) + log_jet_pt)
    elif "log_pt" in found:
        log_pt, log_jet_pt = found["log_pt"], None
    else:
        return {"delta_r": np.hypot(found["delta_eta"], found["delta_phi"]).astype(np.float32)}, {}
    axis = {name: np.asarray(jets.get(name, np.zeros(n_jets)), np.float64) for name in ("eta", "phi")}
    pt = np.exp(log_pt)
    eta, phi = axis["eta"][owner] + found["delta_eta"], axis["phi"][owner] + found["delta_phi"]
    momenta = cartesian(pt, eta, phi, np.zeros_like(pt))
    total = [ragged.sums(part, drawn.offsets) for part in momenta]
    sum_pt, _, _, mass = from_cartesian(*total)
    jet_pt = np.asarray(jets.get("pt", sum_pt), np.float64)
    jet_energy = cartesian(jet_pt, axis["eta"], axis["phi"], mass)[3]
    made = {
        "delta_r": np.hypot(found["delta_eta"], found["delta_phi"]),
        "log_pt": log_pt,
        "log_energy": np.log(momenta[3]),
        "log_pt_fraction": log_pt - (np.log(jet_pt)[owner] if log_jet_pt is None else log_jet_pt),
        "log_energy_fraction": np.log(momenta[3] / jet_energy[owner]),
    }
    of_jets = {"pt": jet_pt, **axis, "mass": mass, "energy": jet_energy}
    return (
        {name: values.astype(np.float32) for name, values in made.items() if name not in columns},
        {name: values.astype(np.float32) for name, values in of_jets.items()},
    )
