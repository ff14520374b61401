"""Reader of Delphes files (arXiv:1307.6346): energy-flow candidates, or jets with their constituents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut import settings as base
from resonaut.errors import BadValueError, MissingBranchError, nearest
from resonaut.events import Columns
from resonaut.files import sha256
from resonaut.ingest.batch import Batch, Ragged, SourceInfo
from resonaut.ingest.references import resolve
from resonaut.ingest.rootfile import reading, require, tree_of

TREE = "Delphes"
_ENERGY_FLOW = ("EFlowTrack", "EFlowPhoton", "EFlowNeutralHadron")
_GROUPS = (("ParticleFlowCandidate",), _ENERGY_FLOW, ("Tower",), ("Track",), ("Particle",))
"""Branches that the constituents of one jet collection are taken from, tried in this order."""
_CLASS = {"EFlowPhoton": 3, "EFlowNeutralHadron": 2, "Tower": 0}
_JET = {"PT": "pt", "Eta": "eta", "Phi": "phi", "Mass": "mass"}
_REFERENCES = "Constituents"


class Settings(base.Settings):
    """The format leaves nothing to choose."""


def matches(trees: Mapping[str, set[str]]) -> bool:
    """Whether trees (name: branches) are of this format."""
    return "Event" in trees.get(TREE, set())


def build(settings: Settings) -> Delphes:
    """Build the reader."""
    return Delphes()


class Delphes:
    """Events are named by the content of their file and their entry: `Event.Number` restarts in each file."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            self._digests[path] = sha256(path)
        return self._digests[path]

    def info(self, file: Any, path: str) -> SourceInfo:
        """Number of events and sum of weights.

        The cross-section is left to the configuration: `Event.CrossSection` is a running estimate, and its
        unit depends on the program that fed Delphes.
        """
        tree = tree_of(file, path, TREE)
        with reading(path):
            weights = _values(tree, "Event.Weight", 0, tree.num_entries).columns["value"]
        return SourceInfo(tree.num_entries, float(weights.sum()), None, self._digest(path))

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read the named jets, or the energy-flow candidates."""
        tree = tree_of(file, path, TREE)
        present = set(tree.keys(recursive=False))
        block = int(self._digest(path)[:7], 16)
        if collection is None:
            group = _candidates(path, present)
        else:
            _check_collection(path, tree, collection, present)
            group = _group_of(path, tree, collection, present)
        for start in range(0, tree.num_entries, step):
            stop = min(start + step, tree.num_entries)
            with reading(path):
                entries = np.arange(start, stop)
                events = {
                    "run": np.ones(stop - start, np.int64),
                    "lumi": np.full(stop - start, block),
                    "event": entries,
                    "gen_weight": _first(tree, "Event.Weight", start, stop),
                }
                gen_jets = _jets(tree, "GenJet", start, stop) if "GenJet" in present else None
                candidates, unique_ids = _read_group(tree, group, start, stop)
                if collection is None:
                    # PUPPI leaves candidates of weight 0, smearing tracks of pt 0 in the file.
                    particles = candidates.keep(candidates.columns["pt"] > 0)
                    batch = Batch(events, start, particles=particles, gen_jets=gen_jets)
                else:
                    jets = _jets(tree, collection, start, stop)
                    members = _references(tree, collection, start, stop)
                    index = resolve(
                        members.columns["value"], members.columns["event"], unique_ids, candidates.offsets
                    )
                    if (index < 0).any():
                        raise BadValueError(
                            f"{path}: {int((index < 0).sum())} of {len(index)} references of {collection} in "
                            f"entries {start} to {stop - 1} point to nothing in {', '.join(group)}. Keep "
                            "these branches when the file is skimmed."
                        )
                    columns = {name: values[index] for name, values in candidates.columns.items()}
                    batch = _sorted(events, start, jets, Ragged(columns, members.offsets), gen_jets)
            yield batch


def _candidates(path: str, present: set[str]) -> tuple[str, ...]:
    """Branches that are clustered."""
    for group in (_GROUPS[0], _ENERGY_FLOW):
        if set(group) <= present:
            return group
    require(path, TREE, _ENERGY_FLOW, present)
    return _ENERGY_FLOW


def _leaves(tree: Any, branch: str) -> set[str]:
    """Names of what a branch holds, without the branch's own."""
    return {name.rsplit(".", 1)[-1] for name in tree[branch].keys(recursive=False)}


def _check_collection(path: str, tree: Any, collection: str, present: set[str]) -> None:
    wanted = {_REFERENCES, *_JET}
    with reading(path):
        if collection in present and wanted <= _leaves(tree, collection):
            return
        known = [name for name in present if wanted <= _leaves(tree, name)]
    raise MissingBranchError(
        f"{path}: no jet collection '{collection}' with constituents. {nearest(collection, known)}"
    )


def _group_of(path: str, tree: Any, collection: str, present: set[str]) -> tuple[str, ...]:
    """The branches that the constituents of a collection stand in: those that resolve its references.

    The first events that have jets decide; numbers are unique in a process, but a group may hold some of
    another's by chance, so it must resolve all of them.
    """
    known = [group for group in _GROUPS if set(group) <= present]
    step = 20
    for start in range(0, tree.num_entries, step):
        stop = min(start + step, tree.num_entries)
        with reading(path):
            members = _references(tree, collection, start, stop).columns
            if not len(members["value"]):
                continue
            for group in known:
                found = resolve(members["value"], members["event"], *_unique_ids(tree, group, start, stop))
                if (found >= 0).all():
                    return group
        break
    else:
        return known[0]
    raise BadValueError(
        f"{path}: the constituents of {collection} are in none of {', '.join(n for g in known for n in g)}. "
        "Keep the candidates' branches when the file is skimmed."
    )


def _branch(tree: Any, name: str) -> Any:
    """A leaf, `Track.PT`. Asked of the tree, it would be searched among thousands."""
    return tree[name.split(".")[0]][name]


def _values(tree: Any, name: str, start: int, stop: int) -> Ragged:
    import awkward as ak

    array = _branch(tree, name).array(entry_start=start, entry_stop=stop)
    return Ragged(
        {"value": np.asarray(ak.flatten(array))}, ragged.offsets_of(np.asarray(ak.num(array), np.int64))
    )


def _first(tree: Any, name: str, start: int, stop: int) -> np.ndarray:
    values = _values(tree, name, start, stop)
    return values.columns["value"][values.offsets[:-1]].astype(np.float64)


def _jets(tree: Any, collection: str, start: int, stop: int) -> Ragged:
    columns = {column: _values(tree, f"{collection}.{leaf}", start, stop) for leaf, column in _JET.items()}
    return Ragged({name: item.columns["value"] for name, item in columns.items()}, columns["pt"].offsets)


def _references(tree: Any, collection: str, start: int, stop: int) -> Ragged:
    """Numbers of the constituents of each jet (`value`), and the event of each (`event`)."""
    import awkward as ak

    references = _branch(tree, f"{collection}.{_REFERENCES}").array(entry_start=start, entry_stop=stop).refs
    per_jet = ak.flatten(references, axis=1)
    counts = np.asarray(ak.num(per_jet), np.int64)
    event_of_jet = ragged.row_of(ragged.offsets_of(np.asarray(ak.num(references), np.int64)))
    columns = {"value": np.asarray(ak.flatten(per_jet)), "event": np.repeat(event_of_jet, counts)}
    return Ragged(columns, ragged.offsets_of(counts))


def _unique_ids(tree: Any, group: tuple[str, ...], start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    parts = [_values(tree, f"{name}.fUniqueID", start, stop) for name in group]
    joined = _together(parts)
    return joined.columns["value"], joined.offsets


def _together(parts: list[Ragged]) -> Ragged:
    """Rows joined: those of the first part, then those of the second, inside each event."""
    rows = np.concatenate([ragged.row_of(part.offsets) for part in parts])
    order = np.argsort(rows, kind="stable")
    names = parts[0].columns
    columns = {name: np.concatenate([part.columns[name] for part in parts])[order] for name in names}
    return Ragged(columns, sum(part.offsets for part in parts))


def _read_group(tree: Any, group: tuple[str, ...], start: int, stop: int) -> tuple[Ragged, np.ndarray]:
    """Candidates of a group of branches, and their `fUniqueID`."""
    parts = []
    for branch in group:
        ids = _values(tree, f"{branch}.fUniqueID", start, stop)
        parts.append(Ragged({**_columns(tree, branch, start, stop), "id": ids.columns["value"]}, ids.offsets))
    joined = _together(parts)
    unique_ids = joined.columns.pop("id")
    return joined, unique_ids


def _columns(tree: Any, branch: str, start: int, stop: int) -> Columns:
    def leaf(name: str) -> np.ndarray:
        return _values(tree, f"{branch}.{name}", start, stop).columns["value"]

    neutral = "ET" in _leaves(tree, branch)
    pt = leaf("ET" if neutral else "PT")
    columns = {"pt": pt, "eta": leaf("Eta"), "phi": leaf("Phi")}
    if neutral:
        columns["mass"] = np.zeros_like(pt)
        columns["charge"] = np.zeros(len(pt), np.int32)
        columns["pdg_class"] = np.full(len(pt), _CLASS[branch], np.int32)
    else:
        columns |= {"mass": leaf("Mass"), "charge": leaf("Charge")}
        columns["pdg_class"] = _pdg_class(leaf("PID"), columns["charge"])
    if branch == "Tower":
        # A tower sums charged and neutral energy: its charge is not known.
        del columns["charge"]
    elif branch != "Particle":
        charged = columns["charge"] != 0
        for name, column in (("D0", "d0"), ("DZ", "dz")):
            values = np.full(len(pt), np.nan, np.float32) if neutral else leaf(name)
            columns[column] = np.where(charged, values, np.nan)
    return columns


def _pdg_class(pid: np.ndarray, charge: np.ndarray) -> np.ndarray:
    """Class of a candidate (`resonaut.store.PDG_CLASSES`) from the identity that Delphes gives it."""
    kind = np.abs(pid)
    hadron = np.where(charge != 0, 1, 2)
    return np.select([kind == 22, kind == 11, kind == 13], [3, 4, 5], hadron).astype(np.int32)


def _sorted(
    events: Columns, start: int, jets: Ragged, constituents: Ragged, gen_jets: Ragged | None
) -> Batch:
    from resonaut.ingest.cluster import sorted_by_pt

    jets, constituents = sorted_by_pt(jets, constituents)
    return Batch(events, start, jets=jets, constituents=constituents, gen_jets=gen_jets)
