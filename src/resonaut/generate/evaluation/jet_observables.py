"""One number per jet, by which generated jets are compared with real ones."""

from __future__ import annotations

import numpy as np

from resonaut import ragged
from resonaut.errors import InputError
from resonaut.generate.evaluation.jet_particles import Particles, can_have_particles, particles
from resonaut.generate.evaluation.jet_subjettiness import tau21
from resonaut.generate.learnt import Learnt
from resonaut.generate.observables import observables


def jet_observables(learnt: Learnt) -> dict[str, np.ndarray]:
    """Observables of jets.

    Of clouds, from the sum of massless points: `mass_over_pt`, `pt_fraction` (the sum's pt over the jet's),
    `multiplicity`, `girth` (sum z dR, arXiv:1012.2077), `leading_fraction` (the largest z), `tau21`
    (`jet_subjettiness`); `mass` and `pt` (GeV) where the jet's pt is known. Clouds of other columns have
    `multiplicity` and the mean of each column. Of images `mass_over_pt`, `girth`, `active_pixels`,
    `leading_pixel_fraction` (`generate.observables`) and `tau21`. Of features all columns.

    Returns:
        (n,) float64 each; finite, 0 for a jet without particles.

    Raises:
        InputError: the rows are showers.
    """
    if learnt.kind == "features":
        return {
            name: values.astype(np.float64)
            for name, values in zip(learnt.columns, learnt.values.T, strict=True)
        }
    if learnt.kind == "images":
        found = observables(learnt.values, float(learnt.settings["half_width"]))
        return {**found, "tau21": _tau21(particles(learnt))}
    if learnt.kind == "clouds":
        return of_particles(particles(learnt)) if can_have_particles(learnt) else _of_columns(learnt)
    raise InputError(f"jets have images, clouds or features; '{learnt.kind}' are none.")


def of_particles(jets: Particles) -> dict[str, np.ndarray]:
    """Observables of jets from their particles, see `jet_observables`."""
    pt, mass = total_momentum(jets)
    counts = np.diff(jets.offsets)
    leading = np.zeros(len(jets))
    filled = counts > 0
    if filled.any():
        leading[filled] = np.maximum.reduceat(jets.z, jets.offsets[:-1][filled])
    sums = ragged.sums(jets.z, jets.offsets)
    girth = ragged.sums(jets.z * np.hypot(jets.eta, jets.phi), jets.offsets)
    found = {
        "mass_over_pt": _ratio(mass, pt),
        "pt_fraction": pt,
        "multiplicity": counts.astype(np.float64),
        "girth": _ratio(girth, sums),
        "leading_fraction": _ratio(leading, sums),
        "tau21": _tau21(jets),
    }
    if jets.jet_pt is not None:
        found |= {"mass": mass * jets.jet_pt, "pt": pt * jets.jet_pt}
    return found


def total_momentum(jets: Particles) -> tuple[np.ndarray, np.ndarray]:
    """pt and mass of the sum of massless particles, (n_jets,) each, in units of the jet's pt.

    Pseudorapidity is relative to the axis; a boost along the beam changes neither.
    """
    parts = (np.cos(jets.phi), np.sin(jets.phi), np.sinh(jets.eta), np.cosh(jets.eta))
    px, py, pz, energy = (ragged.sums(jets.z * part, jets.offsets) for part in parts)
    return np.hypot(px, py), np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))


def _tau21(jets: Particles) -> np.ndarray:
    return tau21(jets.z, jets.eta, jets.phi, jets.offsets)


def _ratio(values: np.ndarray, over: np.ndarray) -> np.ndarray:
    return np.where(over > 0, values / np.where(over > 0, over, 1.0), 0.0)


def _of_columns(learnt: Learnt) -> dict[str, np.ndarray]:
    counts = np.diff(learnt.offsets).astype(np.float64)
    found = {"multiplicity": counts}
    for name, values in zip(learnt.columns, learnt.values.T, strict=True):
        found[f"mean_{name}"] = ragged.sums(values.astype(np.float64), learnt.offsets) / np.maximum(counts, 1)
    return found
