"""Jets to compare with FastJet on, and FastJet's view of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import fastjet
import numpy as np
import pytest

from resonaut import ragged
from resonaut.events import Columns
from resonaut.kinematics import cartesian, from_cartesian

KINEMATICS = ("pt", "eta", "phi", "mass")
DATA = Path(__file__).parents[4] / "shared/data/root"
Jets = tuple[Columns, np.ndarray]


def columns_of(jets: list[list[tuple[float, float, float]]]) -> Jets:
    """Massless constituents of jets, from rows of pt, eta, phi."""
    pt, eta, phi = np.array([row for jet in jets for row in jet], float).T
    offsets = ragged.offsets_of(np.array([len(jet) for jet in jets]))
    return {"pt": pt, "eta": eta, "phi": phi, "mass": np.zeros_like(pt)}, offsets


def simulated(number: int = 150, seed: int = 5) -> Jets:
    """Jets of one to three prongs and soft radiation, 1 to 120 massive constituents, some across phi = pi."""
    random = np.random.default_rng(seed)
    counts = random.integers(1, 120, number)
    offsets = ragged.offsets_of(counts)
    jet = ragged.row_of(offsets)
    n = len(jet)
    axis = np.stack([random.uniform(-2, 2, number), random.uniform(-np.pi, np.pi, number)])
    prongs = random.normal(0, 0.3, (2, number, 3))
    which = random.integers(0, 3, n) % random.integers(1, 4, number)[jet]
    spread = np.where(random.random(n) < 0.7, 0.03, 0.3)
    eta, phi = axis[:, jet] + prongs[:, jet, which] + spread * random.normal(0, 1, (2, n))
    phi = (phi + np.pi) % (2 * np.pi) - np.pi
    pt = np.exp(random.normal(1.5, 1.5, n)) + 0.1
    mass = np.where(random.random(n) < 0.6, 0.13957, 0.0)
    return {"pt": pt, "eta": eta, "phi": phi, "mass": mass}, offsets


def events_of(file: str, tree: str, branches: list[str]) -> Any:
    """Branches of a file of the shared data; skips where it is absent."""
    uproot = pytest.importorskip("uproot")
    if not (DATA / file).exists():
        pytest.skip(f"shared/data/root/{file} is absent")
    with uproot.open(DATA / file) as opened:
        return opened[tree].arrays(branches)


def pfnano() -> Jets:
    """The AK8 jets of PFNano, from candidates with their PUPPI weights."""
    names = {name: f"PFCands_{name}" for name in (*KINEMATICS, "puppiWeight")}
    names |= {name: f"FatJetPFCands_{name}" for name in ("jetIdx", "pFCandsIdx")}
    events = events_of("pfnano.root", "Events", list(names.values()))
    index = events[names["pFCandsIdx"]]
    jet_of = events[names["jetIdx"]] + 1000 * ak.local_index(index, axis=0)
    flat = {name: ak.to_numpy(ak.flatten(events[names[name]][index])).astype(float) for name in KINEMATICS}
    weight = ak.to_numpy(ak.flatten(events[names["puppiWeight"]][index])).astype(float)
    jet_of = ak.to_numpy(ak.flatten(jet_of))
    flat["pt"], flat["mass"] = flat["pt"] * weight, flat["mass"] * weight
    order = np.flatnonzero(weight > 0)
    order = order[np.argsort(jet_of[order], kind="stable")]
    _, counts = np.unique(jet_of[order], return_counts=True)
    return {name: values[order] for name, values in flat.items()}, ragged.offsets_of(counts)


def delphes_particles() -> Jets:
    """Generated final-state particles of Delphes in |eta| < 4, one "jet" per event."""
    names = {
        "pt": "Particle.PT",
        "eta": "Particle.Eta",
        "phi": "Particle.Phi",
        "mass": "Particle.Mass",
        "status": "Particle.Status",
    }
    events = events_of("delphes.root", "Delphes", list(names.values()))
    good = (events[names["status"]] == 1) & (abs(events[names["eta"]]) < 4) & (events[names["pt"]] > 0.1)
    kept = {name: events[names[name]][good] for name in KINEMATICS}
    offsets = ragged.offsets_of(ak.to_numpy(ak.num(kept["pt"])))
    return {name: ak.to_numpy(ak.flatten(values)).astype(float) for name, values in kept.items()}, offsets


def delphes() -> Jets:
    """Jets that FastJet makes of `delphes_particles`: anti-kt, R = 0.8, pt above 50 GeV."""
    found = sequence(*delphes_particles(), fastjet.antikt_algorithm, 0.8).constituents(50.0)
    found = ak.flatten(found, axis=1)
    momenta = [ak.to_numpy(ak.flatten(found[name])) for name in ("px", "py", "pz", "E")]
    columns = dict(zip(KINEMATICS, from_cartesian(*momenta), strict=True))
    return columns, ragged.offsets_of(ak.to_numpy(ak.num(found)))


SAMPLES = {"simulated": simulated, "pfnano": pfnano, "delphes": delphes}


def sequence(
    columns: Columns,
    offsets: np.ndarray,
    algorithm: int = fastjet.cambridge_algorithm,
    radius: float = 1000.0,
) -> Any:
    """FastJet's clusterings, through its array interface."""
    momenta = cartesian(*(columns[name] for name in KINEMATICS))
    content = ak.contents.RecordArray(
        [ak.contents.NumpyArray(values) for values in momenta],
        ["px", "py", "pz", "E"],
        parameters={"__record__": "Momentum4D"},
    )
    jets = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), content))
    return fastjet.ClusterSequence(jets, fastjet.JetDefinition(algorithm, radius))


def pseudojets(columns: Columns, offsets: np.ndarray) -> list[list[fastjet.PseudoJet]]:
    """Constituents of each jet, for FastJet's tools that have no array interface."""
    momenta = np.stack(cartesian(*(columns[name] for name in KINEMATICS)), axis=1)
    return [
        [fastjet.PseudoJet(*row) for row in momenta[first:last].tolist()] for first, last in pairwise(offsets)
    ]
