"""Reader of Delphes files (arXiv:1307.6346): energy-flow candidates, or jets with their constituents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from pydantic import Field

from resonaut import settings as base
from resonaut.errors import BadValueError, ConfigError, MissingBranchError, nearest
from resonaut.events import Columns
from resonaut.ingest.batch import Batch, Ragged, SourceInfo
from resonaut.ingest.contents import Contents
from resonaut.ingest.ordering import by_pt
from resonaut.ingest.references import resolve
from resonaut.ingest.rootfile import reading, require, top_names, tree_of

KINDS = ("root",)
LEVEL = "jets"
NUMBERED = False
TREE = "Delphes"
_ENERGY_FLOW = ("EFlowTrack", "EFlowPhoton", "EFlowNeutralHadron")
_GROUPS = (("ParticleFlowCandidate",), _ENERGY_FLOW, ("Tower",), ("Track",), ("Particle",))
"""Branches that the constituents of one jet collection are taken from, tried in this order."""
_PROBED_EVENTS = 20


class Settings(base.Settings):
    """Which branches are read."""

    candidates: Literal["auto", "none"] | tuple[str, ...] = Field(
        "auto",
        description="Branches that are clustered, and that hold the constituents of a collection: "
        "[EFlowTrack, EFlowPhoton, EFlowNeutralHadron], [ParticleFlowCandidate], [Tower], ...; 'none' reads "
        "jets without constituents.",
    )
    gen_jets: str | None = Field(
        None, description="Collection of generator jets; 'GenJet' if absent and the file has it."
    )
    weights: str | None = Field(
        None, description="Branch of generator weights (Weight, WeightLHEF), kept as weights/<i>."
    )


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return contents.kind == "root" and contents.has(TREE, "Event")


def build(settings: Settings) -> Delphes:
    """Build the reader."""
    return Delphes(settings)


class Delphes:
    """Candidates that `ingest` clusters, or the jets of a named collection.

    Events are named by their entry: `Event.Number` restarts in each file, and in each run of a generator.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def info(self, file: Any, path: str) -> SourceInfo:
        """Number of events and sum of weights.

        The cross-section is left to the configuration: `Event.CrossSection` is a running estimate, and its
        unit depends on the program that fed Delphes.
        """
        from resonaut.ingest import delphes_tree as read

        tree = tree_of(file, path, TREE)
        with reading(path):
            weights = read.first(tree, "Event", "Weight", 0, tree.num_entries)
        return SourceInfo(tree.num_entries, float(weights.sum()), None, "")

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read the named jets, or the candidates."""
        from resonaut.ingest import delphes_tree as read

        tree = tree_of(file, path, TREE)
        with reading(path):
            present = top_names(tree)
        gen_jets = self._gen_jets(path, tree, present)
        n_weights = self._n_weights(path, tree, present)
        group = self._group(path, tree, collection, present)
        with reading(path):
            more = read.computed(tree, collection) if collection else frozenset()
        for start in range(0, tree.num_entries, step):
            stop = min(start + step, tree.num_entries)
            with reading(path):
                columns: Columns = {
                    "run": np.ones(stop - start, np.int64),
                    "lumi": np.zeros(stop - start, np.int64),
                    "event": np.arange(start, stop),
                    "gen_weight": read.first(tree, "Event", "Weight", start, stop),
                }
                if self.settings.weights:
                    columns |= read.weights(path, tree, self.settings.weights, start, stop, n_weights)
                generated = by_pt(read.jets(tree, gen_jets, start, stop), None)[0] if gen_jets else None
                if collection is None:
                    particles, _, usable = read.candidates(tree, group, start, stop)
                    batch = Batch(columns, start, particles.keep(usable), gen_jets=generated)
                else:
                    members = _constituents(path, tree, collection, group, start, stop) if group else None
                    jets, members = by_pt(read.jets(tree, collection, start, stop, more), members)
                    batch = Batch(columns, start, jets=jets, constituents=members, gen_jets=generated)
            yield batch

    def _gen_jets(self, path: str, tree: Any, present: set[str]) -> str | None:
        name = self.settings.gen_jets
        if name is None:
            return "GenJet" if "GenJet" in present else None
        _check_collection(path, tree, name, present)
        return name

    def _n_weights(self, path: str, tree: Any, present: set[str]) -> int:
        from resonaut.ingest.delphes_tree import values

        name = self.settings.weights
        if name is None:
            return 0
        require(path, TREE, [name], present)
        with reading(path):
            n_weights = len(values(tree, name, "Weight", 0, 1)[0])
        if n_weights == 0:
            raise BadValueError(
                f"{path}: options.weights: the branch '{name}' holds no weights. Leave it out, and only "
                "Event.Weight is read."
            )
        return n_weights

    def _group(self, path: str, tree: Any, collection: str | None, present: set[str]) -> tuple[str, ...]:
        """Branches of the candidates; none where jets are read without constituents."""
        named = self.settings.candidates
        if collection is not None:
            _check_collection(path, tree, collection, present)
        if named == "none":
            if collection is None:
                raise ConfigError(
                    f"{path}: 'options.candidates: none' leaves nothing to cluster. Name candidates, or the "
                    "jets of the file with 'ingest.collection'."
                )
            return ()
        if named == "auto":
            if collection is not None:
                return _group_of(path, tree, collection, present)
            whole = [group for group in (_GROUPS[0], _ENERGY_FLOW) if set(group) <= present]
            if not whole:
                require(path, TREE, _ENERGY_FLOW, present)
            return whole[0]
        return _named(path, tree, named, present)


def _named(path: str, tree: Any, named: tuple[str, ...], present: set[str]) -> tuple[str, ...]:
    from resonaut.ingest.delphes_tree import holds_candidates

    for name in named:
        require(path, TREE, [name], present)
        with reading(path):
            if not holds_candidates(tree, name):
                known = [other for other in present if holds_candidates(tree, other)]
                raise ConfigError(
                    f"{path}: options.candidates: '{name}' holds no candidates. {nearest(name, known)}"
                )
    return named


def _check_collection(path: str, tree: Any, collection: str, present: set[str]) -> None:
    from resonaut.ingest.delphes_tree import JET_LEAVES, leaves

    with reading(path):
        if collection in present and leaves(tree, collection) >= JET_LEAVES:
            return
        known = [name for name in present if leaves(tree, name) >= JET_LEAVES]
    raise MissingBranchError(
        f"{path}: no jet collection '{collection}' with constituents. {nearest(collection, known)}"
    )


def _group_of(path: str, tree: Any, collection: str, present: set[str]) -> tuple[str, ...]:
    """The branches that the constituents of a collection stand in: those that resolve its references.

    The first events that have jets decide; numbers are unique in a process, but a group may hold some of
    another's by chance, so it must resolve all of them.
    """
    from resonaut.ingest.delphes_tree import references, unique_ids

    known = [group for group in _GROUPS if set(group) <= present]
    for start in range(0, tree.num_entries, _PROBED_EVENTS):
        stop = min(start + _PROBED_EVENTS, tree.num_entries)
        with reading(path):
            members = references(tree, collection, start, stop).columns
            if not len(members["value"]):
                continue
            for group in known:
                found = resolve(members["value"], members["event"], *unique_ids(tree, group, start, stop))
                if (found >= 0).all():
                    return group
        break
    else:
        return known[0] if known else ()
    raise BadValueError(
        f"{path}: the constituents of {collection} are in none of {', '.join(n for g in known for n in g)}. "
        "Keep the candidates' branches when the file is skimmed, name others with 'options.candidates', or "
        "read the jets alone with 'options.candidates: none'."
    )


def _constituents(
    path: str, tree: Any, collection: str, group: tuple[str, ...], start: int, stop: int
) -> Ragged:
    """The constituents of each jet, in the order of the jets.

    Raises:
        BadValueError: a reference points to nothing.
    """
    from resonaut.ingest.delphes_tree import candidates, references

    found, unique_ids, _ = candidates(tree, group, start, stop)
    members = references(tree, collection, start, stop)
    index = resolve(members.columns["value"], members.columns["event"], unique_ids, found.offsets)
    if (index < 0).any():
        raise BadValueError(
            f"{path}: {int((index < 0).sum())} of {len(index)} references of {collection} in entries {start} "
            f"to {stop - 1} point to nothing in {', '.join(group)}. Keep these branches when the file is "
            "skimmed."
        )
    columns = {name: values[index] for name, values in found.columns.items()}
    return Ragged(columns, members.offsets)
