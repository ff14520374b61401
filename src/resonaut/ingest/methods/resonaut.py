"""Reader of the files that the stage `simulate` writes: NanoAOD-like trees of particle-flow candidates."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut import settings as base
from resonaut.errors import ConfigError
from resonaut.ingest.batch import Batch, Ragged, SourceInfo
from resonaut.ingest.contents import Contents
from resonaut.ingest.rootfile import reading, require, top_names, tree_of
from resonaut.ingest.tree_steps import arrays_by_step

KINDS = ("root",)
LEVEL = "jets"
NUMBERED = True
TREE = "Events"
_IDS = {"run": "run", "luminosityBlock": "lumi", "event": "event"}
_WEIGHT = "genWeight"
_WEIGHT_PREFIX = "weight_"
_KINEMATICS = {name: name for name in ("pt", "eta", "phi", "mass")}
_COLLECTIONS = {
    "particles": (
        "PFCand",
        _KINEMATICS | {"charge": "charge", "pdgClass": "pdg_class", "d0": "d0", "dz": "dz"},
    ),
    "gen_jets": ("GenJet", _KINEMATICS),
    "truth": ("Truth", _KINEMATICS | {"pdgId": "pdg_id", "parent": "parent"}),
    "heavy_hadrons": ("HeavyHadron", _KINEMATICS | {"pdgId": "pdg_id"}),
}
_WHOLE = ("truth", "heavy_hadrons")
"""Groups that are of use with all their columns only."""
_RUNS = ("n_generated", "sum_weights", "cross_section_pb", "content_digest")


class Settings(base.Settings):
    """The format leaves nothing to choose."""


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return (
        contents.kind == "root"
        and contents.has(TREE, "PFCand_pdgClass", "genWeight")
        and contents.has("Runs", "n_generated")
    )


def build(settings: Settings) -> Simulated:
    """Build the reader."""
    return Simulated()


class Simulated:
    """Candidates are clustered by `ingest`; the file holds generator jets but no reconstructed ones."""

    def info(self, file: Any, path: str) -> SourceInfo:
        """Read the one-row tree `Runs`."""
        _events_tree(file, path)
        runs = tree_of(file, path, "Runs")
        require(path, "Runs", _RUNS, top_names(runs))
        with reading(path):
            row = {name: runs[name].array(library="np")[0] for name in _RUNS}
        return SourceInfo(
            n_generated=int(row["n_generated"]),
            sum_weights=float(row["sum_weights"]),
            cross_section=float(row["cross_section_pb"]),
            digest=str(row["content_digest"]),
        )

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read candidates, generator jets and truth."""
        if collection is not None:
            raise ConfigError(
                f"{path}: no jet collection '{collection}': these files hold candidates only. "
                "Leave 'ingest.collection' out, and jets are clustered."
            )
        tree = _events_tree(file, path)
        present = top_names(tree)
        groups = {group: _branches(group, present) for group in _COLLECTIONS}
        weights = sorted(name for name in present if name.startswith(_WEIGHT_PREFIX))
        wanted = [*_IDS, _WEIGHT, *weights, *(branch for columns in groups.values() for branch in columns)]
        start = 0
        for arrays in arrays_by_step(tree, path, wanted, step):
            with reading(path):
                events = {name: np.asarray(arrays[branch]).astype(np.int64) for branch, name in _IDS.items()}
                events["gen_weight"] = np.asarray(arrays[_WEIGHT]).astype(np.float64)
                for branch in weights:
                    name = f"weights/{branch.removeprefix(_WEIGHT_PREFIX)}"
                    events[name] = np.asarray(arrays[branch]).astype(np.float64)
                found = {group: _flat(arrays, columns) for group, columns in groups.items() if columns}
            yield Batch(events, start, **found)
            start += len(events["event"])


def _events_tree(file: Any, path: str) -> Any:
    tree = tree_of(file, path, TREE)
    wanted = [*_IDS, _WEIGHT, *(f"PFCand_{name}" for name in _KINEMATICS)]
    require(path, TREE, wanted, top_names(tree))
    return tree


def _branches(group: str, present: Collection[str]) -> dict[str, str]:
    """Branches of a group of `Batch` that the file has, and the columns that they become."""
    collection, columns = _COLLECTIONS[group]
    branches = {f"{collection}_{branch}": column for branch, column in columns.items()}
    found = {branch: column for branch, column in branches.items() if branch in present}
    return found if len(found) == len(branches) or group not in _WHOLE else {}


def _flat(arrays: Mapping[str, Any], columns: Mapping[str, str]) -> Ragged:
    import awkward as ak

    counts = {branch: np.asarray(ak.num(arrays[branch])) for branch in columns}
    first, *others = columns
    for branch in others:
        if not np.array_equal(counts[branch], counts[first]):
            raise ValueError(f"'{branch}' and '{first}' hold unequal numbers of values")
    flat = {column: np.asarray(ak.flatten(arrays[branch])) for branch, column in columns.items()}
    if "parent" in flat:
        size = np.repeat(counts[first], counts[first])
        wrong = np.flatnonzero((flat["parent"] < -1) | (flat["parent"] >= size))
        if len(wrong):
            row = wrong[0]
            raise ValueError(f"a parent is {flat['parent'][row]} in an event of {size[row]} such particles")
    return Ragged(flat, ragged.offsets_of(counts[first]))
