"""Small files in the layouts of public data sets, written from their published descriptions.

Each `write_<format>(path, n_events, seed)` returns what was written. Particles fall in pt; each row has one
exactly at eta = 0 and one exactly at phi = 0.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pandas as pd
import uproot

from resonaut import ragged, registry
from resonaut.ingest.batch import Batch, SourceInfo
from resonaut.ingest.contents import kind_of, opened
from resonaut.ingest.remote import DEFAULTS
from resonaut.settings import validate

JETCLASS = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
# As `tree.show()` of the published files gives them.
LABEL_TYPES = (np.float32, *[np.bool_] * 5, *[np.int32] * 4)
FLAGS = ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")
TOPTAG_COLUMNS = [f"{c}_{i}" for i in range(200) for c in ("E", "PX", "PY", "PZ")]
TOPTAG_TRUTH = ["truthE", "truthPX", "truthPY", "truthPZ"]
QUARK_GLUON_MASS = {
    22: 0.0,
    211: 0.13957039,
    -211: 0.13957039,
    130: 0.497611,
    -2212: 0.93827209,
    11: 0.51099895e-3,
}
QUARK_GLUON_CHARGE = {22: 0, 211: 1, -211: -1, 130: 0, -2212: -1, 11: -1}

Truth = dict[str, Any]


def sprays(n_jets: int, n_slots: int, seed: int, n_min: int = 3) -> dict[str, np.ndarray]:
    """(n_jets, n_slots) pt, eta, phi of particles around one axis per row, zero-padded, in falling pt."""
    random = np.random.default_rng(seed)
    counts = random.integers(n_min, n_slots + 1, n_jets)
    counts[0] = n_slots
    filled = np.arange(n_slots) < counts[:, None]
    pt = -np.sort(-(random.exponential(30, filled.shape) + 0.5) * filled, axis=1)
    eta = random.normal(0, 1, (n_jets, 1)) + random.normal(0, 0.2, filled.shape)
    phi = random.uniform(-np.pi, np.pi, (n_jets, 1)) + random.normal(0, 0.2, filled.shape)
    eta[:, 1], phi[:, 2] = 0, 0
    phi = (phi + np.pi) % (2 * np.pi) - np.pi
    return {"pt": pt, "eta": eta * filled, "phi": phi * filled, "filled": filled}


def four_momenta(pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, mass: np.ndarray | float) -> np.ndarray:
    """(4, ...) energy, px, py, pz."""
    pz = pt * np.sinh(eta)
    return np.stack([np.sqrt(pt**2 + pz**2 + np.square(mass)), pt * np.cos(phi), pt * np.sin(phi), pz])


def invariant_mass(p: np.ndarray) -> np.ndarray:
    """Mass of (4, ...) energy, px, py, pz."""
    return np.sqrt(np.maximum(p[0] ** 2 - p[1] ** 2 - p[2] ** 2 - p[3] ** 2, 0))


def jetclass_columns(n_events: int, seed: int) -> tuple[dict[str, ak.Array], dict[str, np.ndarray], Truth]:
    """Particle branches, jet branches and the truth of JetClass (arXiv:2202.03772)."""
    random = np.random.default_rng(seed)
    p = sprays(n_events, 12, seed)
    filled = p["filled"]
    kind = random.integers(0, 5, filled.shape)
    charge = np.where(np.isin(kind, (0, 3, 4)), random.choice([-1, 1], filled.shape), 0)
    momentum = four_momenta(p["pt"], p["eta"], p["phi"], 0.14) * filled
    total = momentum.sum(axis=2)
    jet_pt, jet_eta = np.hypot(total[1], total[2]), np.arcsinh(total[3] / np.hypot(total[1], total[2]))
    track = {
        name: np.where(charge != 0, random.normal(0, 0.3, filled.shape), 0) for name in ("d0val", "dzval")
    }
    parts = dict(zip(("energy", "px", "py", "pz"), momentum, strict=True))
    parts |= {"deta": p["eta"] - jet_eta[:, None], "dphi": p["phi"], "charge": charge} | track
    parts |= {"d0err": np.full(filled.shape, 0.1), "dzerr": np.full(filled.shape, 0.1)}
    counts = filled.sum(axis=1)
    particles = {
        f"part_{name}": ak.unflatten(values[filled].astype(np.float32), counts)
        for name, values in parts.items()
    }
    for number, name in enumerate(FLAGS):
        particles[f"part_is{name}"] = ak.unflatten((kind == number)[filled].astype(np.int32), counts)
    label = np.arange(n_events) % len(JETCLASS)
    jets = {
        f"label_{n}": (label == i).astype(t)
        for i, (n, t) in enumerate(zip(JETCLASS, LABEL_TYPES, strict=True))
    }
    values = {"pt": jet_pt, "eta": jet_eta, "phi": np.arctan2(total[2], total[1]), "energy": total[0]}
    values |= {"nparticles": counts, "sdmass": 0.8 * invariant_mass(total)}
    values |= {f"tau{n}": np.full(n_events, 0.5 / n) for n in (1, 2, 3, 4)}
    jets |= {f"jet_{name}": item.astype(np.float32) for name, item in values.items()}
    aux = ("genpart_eta", "genpart_phi", "genpart_pid", "genpart_pt", "truth_match")
    jets |= {f"aux_{name}": np.full(n_events, np.nan, np.float32) for name in aux}
    truth = {
        "label": label,
        "mass": invariant_mass(total),
        "pt": jet_pt,
        "counts": counts,
        "kind": kind[filled],
    }
    truth |= {
        "charge": charge[filled],
        "constituent_pt": p["pt"][filled],
        "constituent_eta": p["eta"][filled],
    }
    return particles, jets, truth | {name: track[name][filled] for name in track}


def write_jetclass(path: Path, n_events: int, seed: int) -> Truth:
    """The tree `tree`; the particles' branches share one counter, where the published files hold vectors."""
    particles, jets, truth = jetclass_columns(n_events, seed)
    record = ak.zip({name.removeprefix("part_"): values for name, values in particles.items()})
    with uproot.recreate(path, compression=uproot.LZ4(1)) as file:
        types = {name: values.dtype for name, values in jets.items()}
        file.mktree("tree", {"part": record.type.content, **types}).extend({"part": record, **jets})
    return truth


def write_jetclass_rntuple(path: Path, n_events: int, seed: int) -> Truth:
    """The same as an RNTuple, where the particles' fields are vectors as in the published files."""
    particles, jets, truth = jetclass_columns(n_events, seed)
    with uproot.recreate(path) as file:
        file.mkrntuple("tree", particles | jets)
    return truth


def toptag_frame(n_events: int, seed: int) -> tuple[pd.DataFrame, Truth]:
    """The columns of the top-tagging reference data (arXiv:1902.09914; Zenodo 2603256)."""
    p = sprays(n_events, 40, seed)
    momentum = four_momenta(p["pt"], p["eta"], p["phi"], 0.1) * p["filled"]
    values = np.zeros((n_events, 200, 4), np.float32)
    values[:, :40] = np.moveaxis(momentum, 0, 2)
    truth_top = np.full((n_events, 4), 7, np.float32)
    flat = np.concatenate([values.reshape(n_events, 800), truth_top], axis=1)
    frame = pd.DataFrame(flat, columns=TOPTAG_COLUMNS + TOPTAG_TRUTH, index=375 + 2 * np.arange(n_events))
    ttv, label = np.arange(n_events) % 3, np.arange(n_events) // 2 % 2
    frame = pd.concat([frame, pd.DataFrame({"ttv": ttv, "is_signal_new": label}, index=frame.index)], axis=1)
    total = momentum.astype(np.float32).astype(np.float64).sum(axis=2)
    truth = {"label": label, "ttv": ttv, "counts": p["filled"].sum(axis=1), "mass": invariant_mass(total)}
    return frame, truth | {"pt": np.hypot(total[1], total[2]), "constituent_pt": p["pt"][p["filled"]]}


def write_frame(path: Path, frame: pd.DataFrame, key: str, form: str = "fixed") -> None:
    """Write a frame as pandas does, compressed by Blosc."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame.to_hdf(path, key=key, mode="w", format=form, complib="blosc", complevel=5)


def write_toptag(path: Path, n_events: int, seed: int) -> Truth:
    """The PyTables table `table/table`."""
    frame, truth = toptag_frame(n_events, seed)
    write_frame(path, frame, "table", "table")
    return truth


def write_lhco(path: Path, n_events: int, seed: int, *, labelled: bool = True) -> Truth:
    """`events_anomalydetection.h5` of the LHC Olympics (arXiv:2101.08320): 700 x (pt, eta, phi), label."""
    p = sprays(n_events, 90, seed, n_min=40)
    values = np.zeros((n_events, 700, 3))
    for i, name in enumerate(("pt", "eta", "phi")):
        values[:, :90, i] = p[name]
    table, label = values.reshape(n_events, 2100), (np.arange(n_events) % 4 == 3).astype(np.float64)
    write_frame(path, pd.DataFrame(np.column_stack([table, label]) if labelled else table), "df")
    return {
        "label": label,
        "counts": p["filled"].sum(axis=1),
        **{n: p[n][p["filled"]] for n in ("pt", "eta", "phi")},
    }


def write_lhco_features(path: Path, n_events: int, seed: int, *, integer_label: bool = False) -> Truth:
    """`events_anomalydetection.features.h5`; the second jet of the last event is missing."""
    random = np.random.default_rng(seed)
    truth: Truth = {"label": (np.arange(n_events) % 2).astype(np.int64)}
    columns: dict[str, np.ndarray] = {}
    for side in ("j1", "j2"):
        present = np.ones(n_events) if side == "j1" else np.arange(n_events) < n_events - 1
        truth[side] = random.uniform(1200, 2000, n_events), random.normal(0, 0.7, n_events)
        phi, mass = random.uniform(-np.pi, np.pi, n_events), random.uniform(20, 500, n_events)
        momentum = four_momenta(*truth[side], phi, mass)[1:] * present
        columns |= {f"p{x}{side}": values for x, values in zip("xyz", momentum, strict=True)}
        columns |= {f"m{side}": mass * present}
        columns |= {f"tau{n}{side}": random.uniform(1, 50, n_events) / n * present for n in (1, 2, 3)}
    truth["columns"] = columns
    label = truth["label"] if integer_label else truth["label"].astype(np.float64)
    write_frame(path, pd.DataFrame(columns | {"label": label}), "df")
    return truth


def write_quark_gluon(path: Path, n_events: int, seed: int, *, compressed: bool = True) -> Truth:
    """`QG_jets.npz` (arXiv:1810.05165): X (n, m, 4) of pt, rapidity, phi, PDG id; y 1 for quarks."""
    random = np.random.default_rng(seed)
    p = sprays(n_events, 30, seed)
    filled = p["filled"]
    pdg_id = random.choice(list(QUARK_GLUON_MASS), filled.shape) * filled
    # Published angles are near their jet's, so that some are beyond 2 pi.
    phi = (p["phi"] + 2 * np.pi) * filled
    x = np.stack([p["pt"], p["eta"], phi, pdg_id], axis=2)
    y = (np.arange(n_events) % 2).astype(np.float64)
    (np.savez_compressed if compressed else np.savez)(path, X=x, y=y)
    mass = np.vectorize(QUARK_GLUON_MASS.get)(pdg_id[filled]).astype(np.float64)
    return {
        "label": y,
        "x": x,
        "filled": filled,
        "pdg_id": pdg_id[filled],
        "mass": mass,
        "rapidity": p["eta"][filled],
    }


def read(path: Path | str, reader: str, step: int = 1000, **options: Any) -> tuple[SourceInfo, list[Batch]]:
    """What a reader says of a file, and its batches."""
    module = registry.load("ingest", reader)
    made = module.build(validate(module.Settings, options))
    with opened(str(path), kind_of(str(path), DEFAULTS), DEFAULTS) as file:
        return made.info(file, str(path)), list(made.batches(file, str(path), None, step))


def sums(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """pt and mass of the sum of each jet's constituents."""
    c = batch.constituents.columns
    parts = four_momenta(*(c[name].astype(np.float64) for name in ("pt", "eta", "phi", "mass")))
    total = np.stack([ragged.sums(values, batch.constituents.offsets) for values in parts])
    return np.hypot(total[1], total[2]), invariant_mass(total)
