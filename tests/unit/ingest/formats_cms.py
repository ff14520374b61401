"""Small files in the formats of NanoAOD, PFNano and PHYSLITE, with what a reader must find in them."""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType
from typing import Any

import awkward as ak
import numpy as np
import uproot

from resonaut.ingest.batch import Batch
from resonaut.settings import validate

Truth = dict[str, Any]
_CANDIDATE = ("pt", "eta", "phi", "mass", "pdgId", "charge", "d0", "dz", "puppiWeight")
_KINDS = {
    211: (1, 1, 0.13957),
    -211: (1, -1, 0.13957),
    22: (3, 0, 0.0),
    130: (2, 0, 0.0),
    13: (5, -1, 0.10566),
}


def _event(random: np.random.Generator, puppi: bool) -> dict[str, Any]:
    """Jets of candidates, all in random order; some candidates are in no jet, one is in two jets."""
    candidates: dict[str, list[float]] = {name: [] for name in _CANDIDATE}
    members: list[list[int]] = []
    axes = [(random.normal(), random.uniform(-3, 3)) for _ in range(random.integers(0, 4))]
    for eta, phi in [*axes, (0.0, 0.0)]:
        rows = []
        for _ in range(random.integers(2, 12)):
            rows.append(len(candidates["pt"]))
            pdg_id = int(random.choice(list(_KINDS)))
            soft = bool(random.random() < 0.2)
            charge = _KINDS[pdg_id][1]
            track = charge != 0 and not soft
            values = (
                random.exponential(100) + 1,
                eta + random.normal(0, 0.2),
                (phi + random.normal(0, 0.2) + np.pi) % (2 * np.pi) - np.pi,
                _KINDS[pdg_id][2],
                pdg_id,
                charge,
                random.normal(0, 0.01) if track else -1,
                random.normal(0, 0.02) if track else -1,
                random.choice([0.0, 0.25, 1.0]) if puppi else 1.0,
            )
            for name, value in zip(_CANDIDATE, values, strict=True):
                candidates[name].append(value)
        members.append(rows)
    members.pop()
    if members:
        members[0].append(members[-1][0] if len(members) > 1 else len(candidates["pt"]) - 1)
    order = random.permutation(len(candidates["pt"]))
    place = np.argsort(order)
    columns = {name: np.asarray(values)[order] for name, values in candidates.items()}
    links = [(jet, place[row]) for jet, rows in enumerate(members) for row in rows]
    links = [links[i] for i in random.permutation(len(links))]
    return {"candidates": columns, "links": links, "members": [[place[r] for r in rows] for rows in members]}


def _jet(event: dict[str, Any], rows: list[int]) -> tuple[float, float, float, float]:
    """pt, eta, phi, mass of the weighted sum of candidates."""
    c = {name: values[rows].astype(np.float64) for name, values in event["candidates"].items()}
    pt, mass = c["pt"] * c["puppiWeight"], c["mass"] * c["puppiWeight"]
    px, py, pz = (
        np.sum(pt * np.cos(c["phi"])),
        np.sum(pt * np.sin(c["phi"])),
        np.sum(pt * np.sinh(c["eta"])),
    )
    energy = np.sum(np.sqrt((pt * np.cosh(c["eta"])) ** 2 + mass**2))
    total = np.hypot(px, py)
    if total == 0:
        return 0.001, 0.0, 0.0, 0.0
    squared = energy**2 - total**2 - pz**2
    return total, np.arcsinh(pz / total), np.arctan2(py, px), np.sqrt(max(squared, 0))


def _record(rows: list[list[dict[str, float]]], fields: dict[str, str]) -> ak.Array:
    """A jagged table, typed, also where it is empty."""
    counts = [len(row) for row in rows]
    flat = {
        name: np.array([item[name] for row in rows for item in row], np.dtype(kind))
        for name, kind in fields.items()
    }
    return ak.zip({name: ak.unflatten(values, counts) for name, values in flat.items()})


def _write(path: Path, columns: dict[str, Any], runs: dict[str, Any] | None, rntuple: bool) -> None:
    with uproot.recreate(path, compression=uproot.ZSTD(3)) as file:
        if rntuple:
            flat = {}
            for name, values in columns.items():
                if isinstance(values, ak.Array) and values.fields:
                    flat[f"n{name}"] = ak.to_numpy(ak.num(values)).astype(np.int32)
                    flat |= {f"{name}_{field}": values[field] for field in values.fields}
                else:
                    flat[name] = values
            file.mkrntuple("Events", flat)
        else:
            types = {
                name: values.type.content if isinstance(values, ak.Array) else values.dtype
                for name, values in columns.items()
            }
            file.mktree("Events", types).extend(columns)
        if runs:
            values = {name: np.array([value]) for name, value in runs.items()}
            file.mktree("Runs", {name: value.dtype for name, value in values.items()}).extend(values)


def _nano(path: Path, n_events: int, seed: int, pfnano: bool, rntuple: bool, data: bool) -> Truth:
    random = np.random.default_rng(seed)
    events = [_event(random, pfnano) for _ in range(n_events)]
    jets, gen_jets = [], []
    for event in events:
        row = []
        for members in event["members"]:
            pt, eta, phi, mass = _jet(event, members)
            factor = random.uniform(-0.05, 0.2)
            row.append(
                {
                    "pt": pt / (1 - factor),
                    "eta": eta,
                    "phi": phi,
                    "mass": mass / (1 - factor),
                    "rawFactor": factor,
                }
                | {
                    "msoftdrop": mass / 2,
                    "tau1": 0.3,
                    "tau2": 0.1,
                    "btagDDBvLV2": random.uniform(),
                    "raw_pt": pt,
                }
            )
        jets.append(row)
        gen_jets.append(
            [
                {"pt": item["raw_pt"] * 1.1, "eta": item["eta"], "phi": item["phi"], "mass": 5.0}
                for item in row
            ]
        )
    suffix, index = ("PFCands", "pFCandsIdx") if pfnano else ("PFCand", "pfCandIdx")
    table = [[{"jetIdx": jet, index: row} for jet, row in event["links"]] for event in events]
    names = _CANDIDATE if pfnano else _CANDIDATE[:5]
    kinds = {name: "i4" if name in ("pdgId", "charge") else "f4" for name in names}
    candidates = [
        [
            {name: event["candidates"][name][i] for name in names}
            for i in range(len(event["candidates"]["pt"]))
        ]
        for event in events
    ]
    jet_fields = dict.fromkeys(("pt", "eta", "phi", "mass", "rawFactor", "msoftdrop", "tau1", "tau2"), "f4")
    columns: dict[str, Any] = {
        "run": np.full(n_events, 362_000 if data else 1, np.uint32),
        "luminosityBlock": np.full(n_events, 17, np.uint32),
        "event": np.arange(n_events, dtype=np.uint64) + 2**33,
        "FatJet": _record(jets, jet_fields | {"btagDDBvLV2": "f4"}),
        f"FatJet{suffix}": _record(table, {"jetIdx": "i4", index: "i4"}),
        suffix: _record(candidates, kinds),
    }
    runs = None
    if not data:
        columns |= {
            "genWeight": random.choice([-2.0, 2.0], n_events).astype(np.float32),
            "Pileup_nPU": random.integers(10, 60, n_events).astype(np.int32),
            "LHEScaleWeight": ak.unflatten(random.uniform(0.8, 1.2, 9 * n_events).astype(np.float32), 9),
            "GenJetAK8": _record(gen_jets, dict.fromkeys(("pt", "eta", "phi", "mass"), "f4")),
        }
        runs = {"run": 1, "genEventCount": 10 * n_events, "genEventSumw": 12.5 * n_events}
    _write(path, columns, runs, rntuple)
    return {
        "events": columns,
        "jets": jets,
        "raw": events,
        "n_generated": 10 * n_events if runs else n_events,
    }


def write_nanoaod(
    path: Path, n_events: int, seed: int = 1, *, rntuple: bool = False, data: bool = False
) -> Truth:
    """NanoAOD version 15: `PFCand` (pt multiplied by the PUPPI weight already) and `FatJetPFCand`.

    Returns:
        `events`: the branches as written; `jets`: of each event, with `raw_pt`, the sum of its candidates;
        `raw`: candidates and links of each event; `n_generated`.
    """
    return _nano(path, n_events, seed, pfnano=False, rntuple=rntuple, data=data)


def write_pfnano(
    path: Path, n_events: int, seed: int = 1, *, rntuple: bool = False, data: bool = False
) -> Truth:
    """PFNano: `PFCands` with their PUPPI weights, and `FatJetPFCands`. Returns what `write_nanoaod` does."""
    return _nano(path, n_events, seed, pfnano=True, rntuple=rntuple, data=data)


def write_physlite(path: Path, n_events: int, seed: int = 1) -> Truth:
    """PHYSLITE: large jets in MeV with their moments, small jets, EventInfo.

    Returns:
        `pt` (MeV) of the large jets, `event`, `weight` of each event.
    """
    random = np.random.default_rng(seed)
    counts = random.integers(0, 4, n_events)
    n_jets = int(counts.sum())

    def jagged(values: np.ndarray) -> ak.Array:
        return ak.unflatten(values.astype(np.float32), counts)

    pt = jagged(random.exponential(2e5, n_jets) + 1e5)
    jets = {
        "pt": pt,
        "eta": jagged(random.normal(0, 1, n_jets)),
        "phi": jagged(random.uniform(-3, 3, n_jets)),
        "m": jagged(random.uniform(1e4, 1e5, n_jets)),
        "D2": jagged(random.uniform(0, 3, n_jets)),
        "Tau1_wta": jagged(random.uniform(0, 1, n_jets)),
    }
    weights = random.uniform(0.5, 2, (n_events, 5)).astype(np.float32)
    event = np.arange(n_events, dtype=np.uint64) + 10**9
    columns = {f"AnalysisLargeRJetsAuxDyn.{name}": values for name, values in jets.items()}
    columns |= {
        "EventInfoAuxDyn.runNumber": np.full(n_events, 410_000, np.uint32),
        "EventInfoAuxDyn.lumiBlock": np.full(n_events, 3, np.uint32),
        "EventInfoAuxDyn.eventNumber": event,
        "EventInfoAuxDyn.mcEventWeights": ak.from_regular(ak.Array(weights)),
        "EventInfoAuxDyn.actualInteractionsPerCrossing": random.uniform(20, 60, n_events).astype(np.float32),
    }
    types = {
        name: values.type.content if isinstance(values, ak.Array) else values.dtype
        for name, values in columns.items()
    }
    with uproot.recreate(path) as file:
        file.mktree("CollectionTree", types).extend(columns)
    return {"pt": pt, "event": event, "weight": weights[:, 0]}


@functools.cache
def opened(path: Any) -> Any:
    """The open file; it takes a second to make a tree of 2,600 branches."""
    return uproot.open(path)


def read(
    module: ModuleType, path: Any, collection: str | None = None, step: int = 1000, **options: Any
) -> list[Batch]:
    """All batches of a file."""
    reader = module.build(validate(module.Settings, options, "options"))
    return list(reader.batches(opened(path), str(path), collection, step))
