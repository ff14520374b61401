"""Reader of NanoAOD-like files: what `nanoaod` and `pfnano` share."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from pydantic import Field

from resonaut import ragged
from resonaut.errors import CorruptFileError, MissingBranchError, nearest
from resonaut.events import Columns
from resonaut.ingest.batch import Batch, Ragged, SourceInfo
from resonaut.ingest.contents import Contents
from resonaut.ingest.event_weights import WeightSettings, event_weight
from resonaut.ingest.nano_constituents import constituents_of
from resonaut.ingest.nanoevents import Links, Step, steps
from resonaut.ingest.ordering import by_pt, falling_pt
from resonaut.ingest.rootfile import reading, require, top_names, tree_of, trees
from resonaut.ingest.tree_steps import arrays_by_step

TREE = "Events"
DEFAULT_COLLECTION = "FatJet"
DEFAULT_BTAG = (
    "btagDeepFlavB",
    "btagPNetB",
    "btagUParTAK4B",
    "btagDDBvLV2",
    "particleNetMD_Xbb",
    "particleNet_XbbVsQCD",
    "globalParT3_Xbb",
)
"""What the versions of NanoAOD offer to tell b jets and jets with two b quarks from light ones."""
_IDS = {"run": "run", "luminosityBlock": "lumi", "event": "event"}
_WEIGHT = "genWeight"
_INFO_STEP = 100_000
_KINEMATICS = {name: name for name in ("pt", "eta", "phi", "mass")}
_JET = {
    **_KINEMATICS,
    "rawFactor": "raw_factor",
    "msoftdrop": "soft_drop_mass",
    **{f"tau{n}": f"tau{n}" for n in range(1, 5)},
    "area": "area",
    "hadronFlavour": "flavour",
}
_CANDIDATE = {
    **_KINEMATICS,
    "pdgId": "pdg_id",
    "charge": "charge",
    "d0": "d0",
    "dz": "dz",
    "puppiWeight": "puppi_weight",
}
_GEN_JETS = {"FatJet": "GenJetAK8", "SubJet": "SubGenJetAK8"}


class NanoSettings(WeightSettings):
    """What may be chosen in a NanoAOD-like file."""

    btag: tuple[str, ...] | None = Field(
        None,
        description="Discriminators of the jets, branches without the collection's name "
        f"(particleNet_XbbVsQCD); of {', '.join(DEFAULT_BTAG)} those that are there if absent.",
    )


def is_nano(contents: Contents) -> bool:
    """Whether a file has the tree of NanoAOD: numbered events and a table of jets."""
    return contents.kind == "root" and any(
        contents.has(TREE, "run", "event", f"n{jets}", f"{jets}_pt", f"{jets}_rawFactor")
        for jets in ("FatJet", "Jet")
    )


def check_weights(contents: Contents, settings: NanoSettings) -> None:
    """Check the branches of event weights.

    Raises:
        MissingBranchError: one is absent; the nearest one is named.
    """
    wanted = [branch for branch, _ in settings.weight_branches().values()]
    require(contents.path, TREE, wanted, contents.groups.get(TREE, frozenset()))


def column_of(discriminator: str) -> str:
    """Name of a discriminator in the store: `btag_deepflavb` of `btagDeepFlavB`."""
    return f"btag_{discriminator.removeprefix('btag').lower()}"


class NanoReader:
    """Jets of one collection, `FatJet` if none is named, with candidates where the file links them to it.

    `pt` and `mass` are calibrated; `raw_pt`, `raw_mass` are before the calibration: pt (1 - rawFactor).

    Args:
        settings: of the reader.
        links: how the file relates jets to candidates.
        puppi: whether the PUPPI weight (arXiv:1407.6013) of the candidates is applied to their pt and mass;
            None: unless the file says that the jets are of the kind CHS. Without a branch of weights nothing
            is applied.
    """

    def __init__(self, settings: NanoSettings, links: Links, puppi: bool | None = None) -> None:
        self._settings = settings
        self._links = links
        self._puppi = puppi

    def info(self, file: Any, path: str) -> SourceInfo:
        """Events and sum of weights before the skim, from the tree `Runs`; without it, of what is left."""
        tree = tree_of(file, path, TREE)
        runs = trees(file, path).get("Runs")
        if runs is not None:
            with reading(path):
                n_generated = _total(runs, path, "genEventCount")
                sum_weights = _total(runs, path, "genEventSumw")
            if n_generated is not None and sum_weights is not None:
                return SourceInfo(int(n_generated), float(sum_weights), None, "")
        with reading(path):
            weighted = _WEIGHT in top_names(tree)
        total = float(tree.num_entries)
        if weighted:
            parts = arrays_by_step(tree, path, [_WEIGHT], _INFO_STEP)
            total = sum(float(np.asarray(part[_WEIGHT]).sum(dtype=np.float64)) for part in parts)
        return SourceInfo(tree.num_entries, total, None, "")

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read the jets of a collection, and their candidates where the file links them."""
        tree = tree_of(file, path, TREE)
        with reading(path):
            present = frozenset(top_names(tree))
        jets = collection or DEFAULT_COLLECTION
        layout = _Layout(path, present, jets, self._links, self._settings)
        puppi = self._puppi
        if puppi is None:
            puppi = not _is_chs(tree, jets)
        for item in steps(tree, path, layout.branches, layout.collections, step):
            with reading(path):
                batch = self._batch(item, layout, puppi)
            yield batch

    def _batch(self, step: Step, layout: _Layout, puppi: bool) -> Batch:
        jets = step.flat(layout.jets, layout.jet_columns)
        jets.columns.update(_raw(jets.columns))
        order = falling_pt(ragged.row_of(jets.offsets), jets.columns["pt"])
        jets = Ragged({name: values[order] for name, values in jets.columns.items()}, jets.offsets)
        constituents = None
        if layout.linked:
            rank = np.empty(len(order), np.int64)
            rank[order] = np.arange(len(order))
            of_jet, of_candidate = step.links(layout.jets, self._links)
            candidates = step.flat(self._links.candidates, _CANDIDATE).columns
            constituents = constituents_of(candidates, rank[of_jet], of_candidate, len(order), puppi)
        gen_jets = None
        if layout.gen_jets:
            gen_jets, _ = by_pt(step.flat(layout.gen_jets, _KINEMATICS), None)
        return Batch(
            self._events(step, layout), step.start, jets=jets, constituents=constituents, gen_jets=gen_jets
        )

    def _events(self, step: Step, layout: _Layout) -> Columns:
        arrays = step.arrays
        events = {name: np.asarray(arrays[branch]).astype(np.int64) for branch, name in _IDS.items()}
        events["gen_weight"] = np.ones(len(step))
        if _WEIGHT in arrays:
            events["gen_weight"] = np.asarray(arrays[_WEIGHT]).astype(np.float64)
        if "Pileup_nPU" in arrays:
            events["n_pu"] = np.asarray(arrays["Pileup_nPU"]).astype(np.int32)
        for name, (branch, index) in self._settings.weight_branches().items():
            where = f"{step.path}: weight '{name}', branch '{branch}'"
            events[f"weights/{name}"] = event_weight(arrays[branch], index, where, step.start)
        return events


class _Layout:
    """The branches of one file that are read.

    Raises:
        MissingBranchError: no such collection; a branch of it, of the numbers of events, of the candidates,
            of a discriminator or of a weight is absent.
    """

    def __init__(
        self, path: str, present: Collection[str], jets: str, links: Links, settings: NanoSettings
    ) -> None:
        if missing := [name for name in _IDS if name not in present]:
            raise MissingBranchError(
                f"{path}: the tree '{TREE}' has no branch '{missing[0]}'; {', '.join(_IDS)} are expected, "
                "which number the events. Keep them when the file is skimmed."
            )
        known = _collections(present)
        if jets not in known:
            raise MissingBranchError(f"{path}: no jet collection '{jets}'. {nearest(jets, known)}")
        self.jets = jets
        discriminators = settings.btag
        if discriminators is None:
            discriminators = tuple(name for name in DEFAULT_BTAG if f"{jets}_{name}" in present)
        require(path, TREE, [f"{jets}_{name}" for name in discriminators], present)
        self.jet_columns = {**_JET, **{name: column_of(name) for name in discriminators}}
        self.linked = set(links.branches(jets)) <= set(present)
        self.gen_jets = _GEN_JETS.get(jets, "GenJet")
        if self.gen_jets not in known or jets.startswith("Gen"):
            self.gen_jets = ""
        self.collections = {jets, self.gen_jets, links.table(jets), links.candidates}
        wanted = [*_IDS, _WEIGHT, "Pileup_nPU"]
        wanted += _table(jets, self.jet_columns)
        if self.linked:
            required = [*links.branches(jets), f"n{links.table(jets)}"]
            required += _table(links.candidates, {**_KINEMATICS, "pdgId": "pdg_id"})
            require(path, TREE, required, present)
            wanted += [*required, *_table(links.candidates, _CANDIDATE)]
        if self.gen_jets:
            wanted += _table(self.gen_jets, _KINEMATICS)
        weights = [branch for branch, _ in settings.weight_branches().values()]
        require(path, TREE, weights, present)
        wanted += [*weights, *(f"n{branch}" for branch in weights)]
        self.branches = frozenset(wanted) & frozenset(present)


def _table(collection: str, columns: Collection[str]) -> list[str]:
    return [f"n{collection}", *(f"{collection}_{name}" for name in columns)]


def _collections(present: Collection[str]) -> list[str]:
    """Names of the collections of jets."""
    ends = [f"_{name}" for name in _KINEMATICS]
    names = {name.removesuffix("_pt") for name in present if name.endswith("_pt") and "Jet" in name}
    return sorted(
        name for name in names if f"n{name}" in present and all(name + end in present for end in ends)
    )


def _total(runs: Any, path: str, name: str) -> float | None:
    """Sum over runs; a '_' follows the name in files of NanoAOD version 6."""
    for branch in (name, f"{name}_"):
        if branch in runs:
            total = runs[branch].array(library="np").sum()
            if not np.isfinite(total):
                raise CorruptFileError(
                    f"{path}: the sum of '{branch}' of the tree 'Runs' is {total}, a number is expected. "
                    "Copy or make it again."
                )
            return total
    return None


def _is_chs(tree: Any, jets: str) -> bool:
    """Whether the file's own description of the jets says charged-hadron subtraction, and so not PUPPI."""
    counter = tree[f"n{jets}"]
    return "CHS" in (getattr(counter, "title", None) or getattr(counter, "description", None) or "")


def _raw(columns: Columns) -> Columns:
    if "raw_factor" not in columns:
        return {}
    scale = 1 - columns.pop("raw_factor")
    return {"raw_pt": columns["pt"] * scale, "raw_mass": columns["mass"] * scale}
