"""Read any ntuple (TTree or RNTuple) of jets and candidates by a mapping of its branches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError, ConfigError
from resonaut.events import Columns
from resonaut.ingest.batch import Batch, Ragged, SourceInfo
from resonaut.ingest.mapping import (
    COUNTS,
    INDEX,
    JET_INDEX,
    LAYOUT,
    Branch,
    Mapping,
    check_branches,
    choose_tree,
    missing_branch,
    names_of,
)
from resonaut.ingest.momenta import canonical
from resonaut.ingest.nested import Nested, nested, same_shape
from resonaut.ingest.ordering import by_pt
from resonaut.ingest.rootfile import reading, top_names, tree_of, trees

_SLICE = 100_000


class Ntuple:
    """Reader of the tree that a mapping describes.

    Events are named by their numbers where the mapping names these (`numbered`), and else by their entry.
    Jets with pt 0 are dropped where lists are of fixed length, candidates with pt 0 always: they fill up.
    """

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping

    @property
    def numbered(self) -> bool:
        """Whether the file numbers its events itself."""
        return self.mapping.events.event is not None

    def info(self, file: Any, path: str) -> SourceInfo:
        """Number of entries and sum of weights."""
        tree = self._tree(file, path)
        n_events = tree.num_entries
        weight, total = self.mapping.events.gen_weight, float(n_events)
        if weight is not None:
            slices = range(0, n_events, _SLICE)
            total = float(
                sum(
                    _Slice(path, tree, s, s + _SLICE).scalar("gen_weight", weight).sum(dtype=np.float64)
                    for s in slices
                )
            )
        return SourceInfo(n_events, total, None, "", self.mapping.label_names)

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read the jets of the mapping, or its candidates."""
        if collection is not None:
            raise ConfigError(
                f"{path}: no jet collection '{collection}': 'options.jets' names the branches of the jets. "
                "Leave 'ingest.collection' out."
            )
        tree = self._tree(file, path)
        for start in range(0, tree.num_entries, step):
            yield self._batch(_Slice(path, tree, start, min(start + step, tree.num_entries)))

    def _tree(self, file: Any, path: str) -> Any:
        name = choose_tree(path, self.mapping, trees(file, path))
        tree = tree_of(file, path, name)
        with reading(path):
            present = top_names(tree)
        check_branches(path, self.mapping, name, present)
        for key, branch in self.mapping.branches():
            if branch not in present:
                with reading(path):
                    top = branch.split("/")[0]
                    known = {f"{top}/{inner}" for inner in tree[top].keys(recursive=True)}
                if branch not in known:
                    raise ConfigError(missing_branch(path, key, branch, name, known))
        return tree

    def _batch(self, part: _Slice) -> Batch:
        mapping = self.mapping
        gen_jets = None
        if mapping.gen_jets:
            gen_jets, padded = self._objects(part, "gen_jets")
            gen_jets, _ = by_pt(gen_jets.keep(gen_jets.columns["pt"] != 0) if padded else gen_jets, None)
        events = self._events(part)
        if mapping.particles:
            particles, _ = self._objects(part, "particles")
            particles = particles.keep(particles.columns["pt"] != 0)
            return Batch(events, part.start, particles=particles, gen_jets=gen_jets)
        jets, padded = self._objects(part, "jets")
        constituents = self._constituents(part, jets.offsets) if mapping.constituents else None
        if padded:
            filled = jets.columns["pt"] != 0
            jets = jets.keep(filled)
            if constituents is not None:
                constituents = constituents.take(np.flatnonzero(filled))
        if constituents is not None:
            constituents = constituents.keep(constituents.columns["pt"] != 0)
        jets, constituents = by_pt(jets, constituents)
        return Batch(events, part.start, jets=jets, constituents=constituents, gen_jets=gen_jets)

    def _events(self, part: _Slice) -> Columns:
        names = self.mapping.events
        events: Columns = {
            "run": np.ones(len(part), np.int64),
            "lumi": np.zeros(len(part), np.int64),
            "event": np.arange(part.start, part.stop),
            "gen_weight": np.ones(len(part)),
        }
        for name in ("run", "lumi", "event", "n_pu"):
            if (branch := getattr(names, name)) is not None:
                events[name] = part.scalar(name, branch).astype(np.int64)
        if names.gen_weight is not None:
            events["gen_weight"] = part.scalar("gen_weight", names.gen_weight).astype(np.float64)
        for name, branch in names.weights.items():
            events[f"weights/{name}"] = part.scalar(name, branch).astype(np.float64)
        if names.label is not None:
            events["label"] = self._label(part, names.label, part.scalar("label", names.label))
        return events

    def _label(self, part: _Slice, branch: Branch, values: np.ndarray) -> np.ndarray:
        known = len(self.mapping.label_names)
        wrong = ~np.isin(values, np.arange(known))
        if wrong.any():
            raise BadValueError(
                f"{part.path}: {', '.join(names_of(branch))} is {values[wrong][0]}; whole numbers from 0 to "
                f"{known - 1} are expected, since 'options.label_names' has {known} names."
            )
        return values.astype(np.int32)

    def _objects(self, part: _Slice, group: str) -> tuple[Ragged, bool]:
        """Objects of each event, and whether zeros may fill their lists."""
        branches = part.columns(getattr(self.mapping, group))
        first = next(iter(branches.values()))
        if len(first.levels) > 1:
            raise BadValueError(
                f"{part.path}: '{first.name}' (options.{group}) has {len(first.levels)} levels of lists; "
                "one list per event is expected, or one value."
            )
        offsets = first.levels[0] if first.levels else np.arange(len(part) + 1)
        return Ragged(self._canonical(part, group, branches), offsets), first.padded

    def _canonical(self, part: _Slice, group: str, branches: dict[str, Nested]) -> Columns:
        columns = {name: item.values for name, item in branches.items()}
        mass = getattr(self.mapping, group).get("mass")
        constant = mass if isinstance(mass, float) else None
        try:
            columns = canonical(columns, self.mapping.unit, self.mapping.length, constant)
        except BadValueError as error:
            raise BadValueError(f"{part.path}: options.{group}: {error}") from None
        label = getattr(self.mapping, group).get("label")
        if label is not None:
            filler = branches["label"].padded & (columns["pt"] == 0)
            columns["label"] = self._label(part, label, np.where(filler, 0, columns["label"]))
        return columns

    def _constituents(self, part: _Slice, jet_offsets: np.ndarray) -> Ragged:
        """The candidates of each jet."""
        named = self.mapping.constituents
        branches = part.columns({name: branch for name, branch in named.items() if name not in LAYOUT})
        first = next(iter(branches.values()))
        columns = self._canonical(part, "constituents", branches)
        layout = {name: part.branch(named[name]) for name in LAYOUT if name in named}
        if not layout:
            return Ragged(columns, _inside(part, first, jet_offsets))
        if len(first.levels) != 1:
            raise BadValueError(
                f"{part.path}: '{first.name}' has {len(first.levels)} levels of lists; one list per event is "
                f"expected where 'options.constituents' has {', '.join(layout)}."
            )
        candidates = Ragged(columns, first.levels[0])
        if JET_INDEX in layout:
            same_shape(part.path, [first, layout[JET_INDEX]], part.start)
            return _by_jet_index(part, candidates, layout[JET_INDEX], jet_offsets)
        if INDEX in layout:
            candidates = _by_index(part, candidates, layout[INDEX])
        return Ragged(candidates.columns, _by_counts(part, candidates, layout[COUNTS], jet_offsets))


class _Slice:
    """Entries of a tree."""

    def __init__(self, path: str, tree: Any, start: int, stop: int) -> None:
        self.path, self.start, self.stop = path, start, min(stop, tree.num_entries)
        self._tree = tree

    def __len__(self) -> int:
        return self.stop - self.start

    def branch(self, branch: Branch) -> Nested:
        """Values of a branch, or of several that are the first, second, ... object."""
        names = names_of(branch)
        with reading(self.path):
            arrays = [self._tree[name].array(entry_start=self.start, entry_stop=self.stop) for name in names]
            try:
                return nested(", ".join(names), arrays)
            except BadValueError as error:
                raise BadValueError(f"{self.path}: {error}.") from None

    def scalar(self, key: str, branch: str) -> np.ndarray:
        """(n_events,) values of a branch.

        Raises:
            BadValueError: it holds lists.
        """
        found = self.branch(branch)
        if found.levels:
            raise BadValueError(
                f"{self.path}: '{branch}' (options.events, {key}) holds lists; one value per event is "
                "expected."
            )
        return found.values

    def columns(self, columns: dict[str, Branch]) -> dict[str, Nested]:
        """The branches of some columns, of one shape."""
        found = {name: self.branch(item) for name, item in columns.items() if not isinstance(item, float)}
        same_shape(self.path, list(found.values()), self.start)
        return found


def _inside(part: _Slice, first: Nested, jet_offsets: np.ndarray) -> np.ndarray:
    """(n_jets + 1,) offsets of candidates that are nested in the jets."""
    one_jet = np.array_equal(jet_offsets, np.arange(len(part) + 1))
    if len(first.levels) == 1 and one_jet:
        return first.levels[0]
    if len(first.levels) != 2:
        raise BadValueError(
            f"{part.path}: '{first.name}' has {len(first.levels)} level of lists; lists of each jet in lists "
            "of each event are expected, or 'jet_index' or 'counts' in 'options.constituents'."
        )
    outer = Nested(first.name, first.values, first.levels[:1], first.padded)
    same_shape(part.path, [Nested("options.jets", first.values, (jet_offsets,), False), outer], part.start)
    return first.levels[1]


def _by_jet_index(part: _Slice, candidates: Ragged, jet_index: Nested, jet_offsets: np.ndarray) -> Ragged:
    """Candidates that say which jet of their event they belong to; -1 is none."""
    event = ragged.row_of(candidates.offsets)
    index = jet_index.values.astype(np.int64)
    _check_range(part, jet_index.name, index, event, np.diff(jet_offsets), -1, "jets")
    inside = np.flatnonzero(index >= 0)
    jet = jet_offsets[:-1][event[inside]] + index[inside]
    order = inside[np.argsort(jet, kind="stable")]
    offsets = ragged.offsets_of(np.bincount(jet, minlength=int(jet_offsets[-1])))
    return Ragged({name: values[order] for name, values in candidates.columns.items()}, offsets)


def _by_index(part: _Slice, candidates: Ragged, numbers: Nested) -> Ragged:
    """Candidates of the events' lists in the order of `numbers`, jet after jet."""
    if len(numbers.levels) != 1:
        raise BadValueError(f"{part.path}: '{numbers.name}' is no list of one number per candidate of a jet.")
    event = ragged.row_of(numbers.levels[0])
    index = numbers.values.astype(np.int64)
    _check_range(part, numbers.name, index, event, np.diff(candidates.offsets), 0, "candidates")
    rows = candidates.offsets[:-1][event] + index
    return Ragged({name: values[rows] for name, values in candidates.columns.items()}, numbers.levels[0])


def _check_range(
    part: _Slice, name: str, index: np.ndarray, event: np.ndarray, counts: np.ndarray, lowest: int, what: str
) -> None:
    wrong = (index < lowest) | (index >= counts[event])
    if wrong.any():
        first = int(np.argmax(wrong))
        raise BadValueError(
            f"{part.path}: '{name}' is {index[first]} in entry {part.start + event[first]}, which has "
            f"{counts[event[first]]} {what}."
        )


def _by_counts(part: _Slice, candidates: Ragged, counts: Nested, jet_offsets: np.ndarray) -> np.ndarray:
    """(n_jets + 1,) offsets of candidates that stand jet after jet."""
    levels = counts.levels or (np.arange(len(part) + 1),)
    jets = Nested("options.jets", counts.values, (jet_offsets,), False)
    same_shape(part.path, [jets, Nested(counts.name, counts.values, levels, False)], part.start)
    numbers = counts.values.astype(np.int64)
    total = ragged.sums(numbers, jet_offsets)
    wrong = (total != np.diff(candidates.offsets)) | (ragged.sums((numbers < 0) * 1, jet_offsets) > 0)
    if wrong.any():
        entry = int(np.argmax(wrong))
        raise BadValueError(
            f"{part.path}: '{counts.name}' counts {total[entry]} candidates in entry {part.start + entry}, "
            f"which has {np.diff(candidates.offsets)[entry]}."
        )
    return ragged.offsets_of(numbers)
