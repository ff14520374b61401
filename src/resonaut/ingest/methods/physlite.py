"""Reader of ATLAS DAOD_PHYSLITE (J. Elmsheuser et al., EPJ Web Conf. 245 (2020) 06014).

Branches are read with uproot alone: coffea's PHYSLITESchema looks at all of some 1,300 branches first, and
nothing that jets need is gained by its links.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from pydantic import Field

from resonaut import ragged
from resonaut.errors import BadValueError, CorruptFileError, MissingBranchError, nearest
from resonaut.events import Columns
from resonaut.ingest.batch import Batch, Ragged, SourceInfo
from resonaut.ingest.contents import Contents
from resonaut.ingest.event_weights import WeightSettings, event_weight
from resonaut.ingest.ordering import by_pt
from resonaut.ingest.rootfile import reading, require, top_names, tree_of
from resonaut.ingest.tree_steps import arrays_by_step, flat

KINDS = ("root",)
LEVEL = "jets"
NUMBERED = True
TREE = "CollectionTree"
DEFAULT_COLLECTION = "AnalysisLargeRJets"
DEFAULT_BTAG = tuple(
    f"{tagger}_{output}"
    for tagger, outputs in (
        ("GN2Xv01", ("phbb", "phcc", "ptop", "pqcd")),
        ("GN2v01", ("pb", "pc", "pu", "ptau")),
        ("GN2v00", ("pb", "pc", "pu")),
        ("DL1dv01", ("pb", "pc", "pu")),
    )
    for output in outputs
)
"""Probabilities of ATLAS's taggers: of large jets themselves, and of what small jets are linked to."""
_GEV = 1e-3
_EVENT = "EventInfo"
_IDS = {"runNumber": "run", "lumiBlock": "lumi", "eventNumber": "event"}
_WEIGHTS = "mcEventWeights"
_MU = "actualInteractionsPerCrossing"
_KINEMATICS = {"pt": ("pt", _GEV), "eta": ("eta", 1), "phi": ("phi", 1), "m": ("mass", _GEV)}
_MOMENTS = {
    "JetConstitScaleMomentum_pt": ("raw_pt", _GEV),
    "JetConstitScaleMomentum_m": ("raw_mass", _GEV),
    **{f"Tau{n}_wta": (f"tau{n}", 1) for n in range(1, 5)},
    "ActiveArea4vec_pt": ("area", 1),
    "Width": ("width", 1),
    "C2": ("c2", 1),
    "D2": ("d2", 1),
    **{f"ECF{n}": (f"ecf{n}", _GEV**n) for n in range(1, 4)},
    **{name: (name.lower(), _GEV) for name in ("Split12", "Split23", "Qw")},
    "R10TruthLabel_R22v1": ("truth_label", 1),
    "HadronConeExclTruthLabelID": ("flavour", 1),
}
_BTAGGING = {"AnalysisJets": "BTagging_AntiKt4EMPFlow"}
_LINK = "btaggingLink.m_persIndex"
_GEN_JETS = {
    "AnalysisLargeRJets": "AntiKt10TruthSoftDropBeta100Zcut10Jets",
    "AnalysisJets": "AntiKt4TruthDressedWZJets",
}


class Settings(WeightSettings):
    """Weights, variables of EventInfo, and discriminators that are read."""

    btag: tuple[str, ...] | None = Field(
        None,
        description="Discriminators of the jets, or of the b-tagging that they are linked to (GN2v01_pb); if "
        "absent, those of GN2X, GN2 and DL1d that are there.",
    )


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return contents.kind == "root" and any(
        contents.has(TREE, "EventInfoAuxDyn.eventNumber", f"{jets}AuxDyn.pt") for jets in _GEN_JETS
    )


def why_no_constituents(path: str) -> str:
    """What such a file lacks, and what to use instead."""
    return (
        "DAOD_PHYSLITE holds links to the constituents of its jets (constituentLinks), but not the "
        "constituents. Use features of jets, or ntuples of a derivation that keeps them (reader 'flat')."
    )


def build(settings: Settings) -> Physlite:
    """Build the reader."""
    return Physlite(settings)


class Physlite:
    """Jets of one collection, `AnalysisLargeRJets` if none is named, with their moments; no constituents.

    `n_pu` is the mean number of interactions of the bunch crossing, rounded. Moments that were not computed
    are -999, as in the file. Sums of weights before the derivation's skim are not read: give the
    cross-section per event of the file, or the sum, in the configuration.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def info(self, file: Any, path: str) -> SourceInfo:
        """Number of events of the file, and sum of their first generator weight."""
        tree = tree_of(file, path, TREE)
        names = _Names(path, tree)
        total = float(tree.num_entries)
        if weights := names.find(_EVENT, _WEIGHTS):
            total = 0.0
            for part in arrays_by_step(tree, path, [weights], 10_000):
                with reading(path):
                    total += float(_generator_weight(part[weights], f"{path}: '{weights}'", 0).sum())
        return SourceInfo(tree.num_entries, total, None, "")

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read the jets of a collection."""
        tree = tree_of(file, path, TREE)
        jets = collection or DEFAULT_COLLECTION
        layout = _Layout(path, tree, jets, self._settings)
        start = 0
        for arrays in arrays_by_step(tree, path, layout.branches, step):
            with reading(path):
                batch = layout.batch(arrays, start)
            yield batch
            start += len(batch)


class _Names:
    """Branches of variables: `<collection>AuxDyn.<variable>`, or inside the object `<collection>Aux.`."""

    def __init__(self, path: str, tree: Any) -> None:
        with reading(path):
            self._dynamic = frozenset(top_names(tree))
            self._static: set[str] = set()
            for name in self._dynamic:
                if name.endswith("Aux."):
                    self._static |= set(tree[name].keys(recursive=False))

    def find(self, collection: str, variable: str) -> str | None:
        """The branch, None if there is none."""
        dynamic, static = f"{collection}AuxDyn.{variable}", f"{collection}Aux.{variable}"
        if dynamic in self._dynamic:
            return dynamic
        return static if static in self._static else None

    def collections(self) -> list[str]:
        """Names of the collections of jets."""
        names = {re.split(r"Aux(?:Dyn)?\.", name)[0] for name in (*self._dynamic, *self._static)}
        return sorted(
            name for name in names if "Jet" in name and all(self.find(name, v) for v in _KINEMATICS)
        )

    def near(self, collection: str) -> list[str]:
        """Variables of a collection."""
        start = f"{collection}AuxDyn."
        return [name.removeprefix(start) for name in self._dynamic if name.startswith(start)]


class _Layout:
    """The branches of one file that are read, by the column that they become.

    Raises:
        MissingBranchError: a variable, a weight, a discriminator or the collection is absent.
    """

    def __init__(self, path: str, tree: Any, jets: str, settings: Settings) -> None:
        self._path = path
        names = _Names(path, tree)
        if jets not in (known := names.collections()):
            raise MissingBranchError(f"{path}: no jet collection '{jets}'. {nearest(jets, known)}")
        require(path, TREE, [f"{_EVENT}AuxDyn.{name}" for name in _IDS], top_names(tree))
        self.ids = {column: f"{_EVENT}AuxDyn.{name}" for name, column in _IDS.items()}
        self.gen_weight = names.find(_EVENT, _WEIGHTS)
        self.mu = names.find(_EVENT, _MU)
        self.weights = {}
        for name, (variable, index) in settings.weight_branches().items():
            branch = names.find(_EVENT, variable)
            if branch is None:
                close = nearest(variable, names.near(_EVENT))
                raise MissingBranchError(f"{path}: weight '{name}': {_EVENT} has no '{variable}'. {close}")
            self.weights[name] = (branch, index)
        self.jets = _found(names, jets, {**_KINEMATICS, **_MOMENTS})
        gen_jets = _GEN_JETS.get(jets, "")
        self.gen_jets = _found(names, gen_jets, _KINEMATICS) if gen_jets in known else {}
        self._discriminators(names, jets, settings.btag)

    def _discriminators(self, names: _Names, jets: str, wanted: Collection[str] | None) -> None:
        """Those of the jets, and those of what the jets are linked to."""
        btagging = _BTAGGING.get(jets, "")
        self.linked: dict[str, str] = {}
        for name in DEFAULT_BTAG if wanted is None else wanted:
            column = f"btag_{name.lower()}"
            if branch := names.find(jets, name):
                self.jets[branch] = (column, 1)
            elif branch := names.find(btagging, name):
                self.linked[branch] = column
            elif wanted is not None:
                close = nearest(name, [*names.near(jets), *names.near(btagging)])
                raise MissingBranchError(f"{self._path}: no discriminator '{name}' of {jets}. {close}")
        self.link = f"{jets}AuxDyn.{_LINK}" if self.linked else None

    @property
    def branches(self) -> list[str]:
        """All that are read."""
        one = [branch for branch in (self.gen_weight, self.mu, self.link) if branch]
        weights = [branch for branch, _ in self.weights.values()]
        found = [*self.ids.values(), *one, *weights, *self.jets, *self.gen_jets, *self.linked]
        return list(dict.fromkeys(found))

    def batch(self, arrays: dict[str, Any], start: int) -> Batch:
        """Events from arrays."""
        events = {column: np.asarray(arrays[branch]).astype(np.int64) for column, branch in self.ids.items()}
        events["gen_weight"] = np.ones(len(events["event"]))
        if self.gen_weight:
            where = f"{self._path}: '{self.gen_weight}'"
            events["gen_weight"] = _generator_weight(arrays[self.gen_weight], where, start)
        if self.mu:
            events["n_pu"] = np.rint(np.asarray(arrays[self.mu])).astype(np.int32)
        for name, (branch, index) in self.weights.items():
            where = f"{self._path}: weight '{name}', '{branch}'"
            events[f"weights/{name}"] = event_weight(arrays[branch], index, where, start)
        jets = _columns(arrays, self.jets, self._path)
        jets.columns.update(self._linked_columns(arrays, jets.offsets, start))
        gen_jets = by_pt(_columns(arrays, self.gen_jets, self._path), None)[0] if self.gen_jets else None
        return Batch(events, start, jets=by_pt(jets, None)[0], gen_jets=gen_jets)

    def _linked_columns(self, arrays: dict[str, Any], jet_offsets: np.ndarray, start: int) -> Columns:
        """Values of the objects that the jets are linked to, by their position in the event."""
        if not self.link:
            return {}
        position, _ = flat(arrays[self.link])
        tags = _columns(arrays, {branch: (column, 1) for branch, column in self.linked.items()}, self._path)
        event = ragged.row_of(jet_offsets)
        outside = (position < 0) | (position >= np.diff(tags.offsets)[event])
        if outside.any():
            entry = start + int(event[np.argmax(outside)])
            raise BadValueError(
                f"{self._path}: {int(outside.sum())} of {len(position)} links of jets to b-tagging point to "
                f"nothing, the first in entry {entry}. Set 'options.btag' to [], or keep the objects."
            )
        index = tags.offsets[:-1][event] + position
        return {column: values[index] for column, values in tags.columns.items()}


def _generator_weight(array: Any, where: str, start: int) -> np.ndarray:
    """(n_events,) first weight of each event; 1 of data, whose lists of weights are empty."""
    if array.ndim == 2 and len(flat(array)[0]) == 0:
        return np.ones(len(array))
    return event_weight(array, 0, where, start)


def _found(
    names: _Names, collection: str, variables: dict[str, tuple[str, float]]
) -> dict[str, tuple[str, float]]:
    """Column and unit of each branch that exists."""
    found = {names.find(collection, variable): column for variable, column in variables.items()}
    return {branch: column for branch, column in found.items() if branch}


def _columns(arrays: dict[str, Any], wanted: dict[str, tuple[str, float]], path: str) -> Ragged:
    columns: Columns = {}
    offsets = np.zeros(1, np.int64)
    for branch, (column, unit) in wanted.items():
        values, found = flat(arrays[branch])
        if columns and not np.array_equal(found, offsets):
            raise CorruptFileError(f"{path}: '{branch}' has not one value per object. Copy or make it again.")
        columns[column], offsets = values if unit == 1 else values * np.float32(unit), found
    return Ragged(columns, offsets)
