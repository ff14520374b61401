"""Reader of JetClass (arXiv:2202.03772): one jet of ten classes per entry, with its constituents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from resonaut import settings as base
from resonaut.errors import BadValueError, ConfigError, CorruptFileError
from resonaut.ingest.batch import Batch, Ragged, SourceInfo
from resonaut.ingest.contents import Contents
from resonaut.ingest.momenta import mass_from_energy
from resonaut.ingest.ordering import by_pt
from resonaut.ingest.padded import momenta, numbered
from resonaut.ingest.rootfile import reading, require, top_names, tree_of
from resonaut.ingest.tree_steps import arrays_by_step, flat

KINDS = ("root",)
LEVEL = "jets"
NUMBERED = False
TREE = "tree"
CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
_LABELS = tuple(f"label_{name}" for name in CLASSES)
_MOMENTUM = ("part_px", "part_py", "part_pz", "part_energy")
_TRACK = {"part_d0val": "d0", "part_dzval": "dz"}
_KINDS_OF_PARTICLE = ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")
"""In the order of `events.PDG_CLASSES`, which begins with 'unknown'."""
_JET = {"jet_pt": "pt", "jet_eta": "eta", "jet_phi": "phi"}
_SUBSTRUCTURE = {"jet_sdmass": "soft_drop_mass"} | {f"jet_tau{n}": f"tau{n}" for n in (1, 2, 3, 4)}


class Settings(base.Settings):
    """The format leaves nothing to choose."""


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return contents.kind == "root" and contents.has(TREE, "part_px", "label_QCD")


def build(settings: Settings) -> JetClass:
    """Build the reader."""
    return JetClass()


class JetClass:
    """The file has one jet per entry and no other collection. d0 and dz are in mm, as they are published."""

    def info(self, file: Any, path: str) -> SourceInfo:
        """The number of jets; all weigh the same."""
        n_jets = _tree(file, path).num_entries
        return SourceInfo(n_jets, float(n_jets), None, "", tuple(name.lower() for name in CLASSES))

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read jets, constituents and classes."""
        if collection is not None:
            raise ConfigError(
                f"{path}: no jet collection '{collection}': JetClass has one jet per entry. Leave "
                "'ingest.collection' out."
            )
        tree = _tree(file, path)
        present = set(top_names(tree))
        optional = [name for name in (*_TRACK, *_SUBSTRUCTURE, "part_charge", *_flags()) if name in present]
        wanted = [*_required(), *optional]
        start = 0
        for arrays in arrays_by_step(tree, path, wanted, step):
            with reading(path):
                batch = _batch(arrays, path, start)
            expected = min(step, tree.num_entries - start)
            if len(batch) != expected:
                raise CorruptFileError(
                    f"{path}: {len(batch)} of {expected} jets are there from entry {start} on; the tree says "
                    f"that it has {tree.num_entries}. Copy or make it again."
                )
            yield batch
            start += len(batch)


def _flags() -> tuple[str, ...]:
    return tuple(f"part_is{kind}" for kind in _KINDS_OF_PARTICLE)


def _required() -> tuple[str, ...]:
    return (*_MOMENTUM, *_LABELS, *_JET, "jet_energy")


def _tree(file: Any, path: str) -> Any:
    with reading(path):
        tree = tree_of(file, path, TREE)
    require(path, TREE, _required(), set(top_names(tree)))
    return tree


def _batch(arrays: Mapping[str, Any], path: str, start: int) -> Batch:
    jets = {column: np.asarray(arrays[branch]) for branch, column in _JET.items()}
    jets["mass"] = mass_from_energy(jets["pt"], jets["eta"], np.asarray(arrays["jet_energy"]))
    jets |= {name: np.asarray(arrays[branch]) for branch, name in _SUBSTRUCTURE.items() if branch in arrays}
    n_jets = len(jets["pt"])
    events = numbered(np.arange(start, start + n_jets))
    events["label"] = _label(arrays, path, start)
    jets, constituents = by_pt(Ragged(jets, np.arange(n_jets + 1)), _constituents(arrays, path))
    return Batch(events, start, jets=jets, constituents=constituents)


def _label(arrays: Mapping[str, Any], path: str, start: int) -> np.ndarray:
    """(n_jets,) class of each jet; the branches are floats, booleans and integers, of which one is 1."""
    flags = np.stack([np.asarray(arrays[name]) != 0 for name in _LABELS], axis=1)
    n_true = flags.sum(axis=1)
    if (n_true != 1).any():
        first = int(np.argmax(n_true != 1))
        raise BadValueError(
            f"{path}: {n_true[first]} of {len(_LABELS)} branches label_* are set in entry {start + first}; "
            "1 is expected. Is the file damaged, or another format?"
        )
    return np.argmax(flags, axis=1).astype(np.int32)


def _constituents(arrays: Mapping[str, Any], path: str) -> Ragged:
    _, offsets = flat(arrays[_MOMENTUM[0]])
    found = {}
    for name in arrays:
        if name.startswith("part_"):
            found[name], of_branch = flat(arrays[name])
            if not np.array_equal(of_branch, offsets):
                raise CorruptFileError(
                    f"{path}: '{name}' has not one value per particle. Copy or make it again."
                )
    columns = momenta(*(found[name] for name in _MOMENTUM))
    if "part_charge" in found:
        columns["charge"] = found["part_charge"].astype(np.int32)
    flags = [found[name] != 0 for name in _flags() if name in found]
    if len(flags) == len(_KINDS_OF_PARTICLE):
        columns["pdg_class"] = np.select(flags, np.arange(1, len(flags) + 1), 0).astype(np.int32)
    for branch, name in _TRACK.items():
        if branch in found and "charge" in columns:
            # 0 for neutral candidates, which would be a measurement.
            columns[name] = np.where(columns["charge"] != 0, found[branch], np.nan)
    return Ragged(columns, offsets)
