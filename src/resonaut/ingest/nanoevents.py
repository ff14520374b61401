"""Columns of NanoAOD-like trees, by steps: uproot reads the branches in use, coffea's schema relates them.

The schema (`coffea.nanoevents.PFNanoAODSchema`, arXiv:2008.12712) makes the branches of a collection
one table with one set of offsets, so that all that follows is flat arrays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError, CorruptFileError
from resonaut.ingest.batch import Ragged
from resonaut.ingest.momenta import wrapped
from resonaut.ingest.rootfile import reading
from resonaut.ingest.tree_steps import aligned, arrays_by_step

STEP_BYTES = 100_000_000
"""Of the branches in use, uncompressed: larger steps are slower, and events with all candidates are large."""


@dataclass(frozen=True)
class Links:
    """How a format relates jets to candidates: a table with a row for each candidate of each jet.

    Attributes:
        suffix: of the table's name: that of `FatJet` is `FatJet<suffix>`.
        index: its column of positions among the candidates of the event; that of jets is `jetIdx`.
        candidates: the collection of candidates.
    """

    suffix: str
    index: str
    candidates: str

    def table(self, jets: str) -> str:
        """Name of the table of a collection of jets."""
        return f"{jets}{self.suffix}"

    def branches(self, jets: str) -> tuple[str, str]:
        """The two branches of the table: jet and candidate of each row."""
        return f"{self.table(jets)}_jetIdx", f"{self.table(jets)}_{self.index}"


@dataclass(frozen=True)
class Step:
    """Some events, as arrays.

    Attributes:
        path: of the file, for messages.
        start: entry of the first event.
        arrays: the branches as they were read (awkward).
        events: the same, as coffea's schema relates them.
    """

    path: str
    start: int
    arrays: Mapping[str, Any]
    events: Any

    def __len__(self) -> int:
        return len(self.events)

    def flat(self, collection: str, columns: Mapping[str, str]) -> Ragged:
        """Columns of a collection.

        Args:
            collection: `FatJet`.
            columns: name here of each field, `{"msoftdrop": "soft_drop_mass"}`; fields that were not read
                are left out. phi is brought into (-pi, pi]: of few bits, the stored value may lie above.
        """
        layout = self.events[collection].layout
        known = layout.content.fields
        values = {
            name: np.asarray(layout.content[field].data) for field, name in columns.items() if field in known
        }
        if "phi" in values:
            values["phi"] = wrapped(values["phi"])
        return Ragged(values, np.asarray(layout.offsets))

    def links(self, jets: str, links: Links) -> tuple[np.ndarray, np.ndarray]:
        """Which candidate belongs to which jet.

        Returns:
            (n_links,) jet and (n_links,) candidate, counted over the step.

        Raises:
            BadValueError: one of them is not in its event.
        """
        table = self.events[links.table(jets)].layout
        offsets = np.asarray(table.offsets)
        event = ragged.row_of(offsets)
        found = []
        for branch, target in zip(links.branches(jets), (jets, links.candidates), strict=True):
            local = np.asarray(table.content[branch.split("_", 1)[1]].data)
            first = np.asarray(self.events[target].layout.offsets)
            outside = (local < 0) | (local >= np.diff(first)[event])
            if outside.any():
                row = int(np.argmax(outside))
                raise BadValueError(
                    f"{self.path}: {int(outside.sum())} of {len(local)} values of '{branch}' point to no "
                    f"entry of {target}; the first is {local[row]} in entry {self.start + int(event[row])}. "
                    f"Keep {target} whole when the file is skimmed."
                )
            found.append(first[event] + local)
        return found[0], found[1]


def steps(
    tree: Any,
    path: str,
    branches: Collection[str],
    collections: Collection[str],
    step: int,
) -> Iterator[Step]:
    """Read branches of a tree, at most `step` events at a time; no other branch is read.

    Args:
        tree: `Events`, a TTree or RNTuple of uproot.
        path: of the file, for messages.
        branches: names; those of a collection together with its counter `n<collection>`.
        collections: those that become tables.
        step: events; fewer where these are larger than `STEP_BYTES`.

    Raises:
        CorruptFileError: they cannot be read, or the columns of a collection differ in length.
    """
    schema = None
    start = 0
    with reading(path):
        fits = _entries_that_fit(tree, branches)
    for arrays in arrays_by_step(tree, path, branches, max(1, min(step, fits))):
        with reading(path):
            schema = schema or _schema()
            item = Step(path, start, arrays, _related(arrays, collections, path, tree.object_path, schema))
        yield item
        start += len(item)


def _entries_that_fit(tree: Any, branches: Collection[str]) -> int:
    """Events in `STEP_BYTES`."""
    if hasattr(tree, "uncompressed_bytes"):
        plain = sum(tree[name].uncompressed_bytes for name in branches)
        return int(STEP_BYTES * tree.num_entries / max(1, plain))
    return int(tree.num_entries_for(STEP_BYTES, filter_name=frozenset(branches).__contains__))


def _schema() -> type:
    """coffea's schema, with plain records for all collections."""
    from coffea.nanoevents import PFNanoAODSchema

    return type(
        "Schema",
        (PFNanoAODSchema,),
        {
            # Its classes of physics objects want columns, such as a charge of jets, that are not in use here.
            "mixins": {},
            "full_like_items": {},
            # Its global indices take a fifth of the time of reading: `Step.links` makes the two in use.
            "all_cross_references": {},
            "event_ids": [],
        },
    )


def _related(
    arrays: Mapping[str, Any], collections: Collection[str], path: str, tree: str, schema: type
) -> Any:
    from coffea.nanoevents import NanoEventsFactory
    from coffea.nanoevents.mapping import SimplePreloadedColumnSource

    columns = {
        name: aligned(values)
        for name, values in arrays.items()
        if name.split("_")[0].removeprefix("n") in collections
    }
    _same_lengths(columns, path)
    n_events = len(next(iter(columns.values())))
    source = SimplePreloadedColumnSource(columns, uuid=path, num_rows=n_events, object_path=tree)
    return NanoEventsFactory.from_preloaded(source, schemaclass=schema).events()


def _same_lengths(columns: Mapping[str, Any], path: str) -> None:
    """Check each jagged branch against the counter of its collection, which is what coffea goes by.

    Raises:
        CorruptFileError: they differ.
    """
    counted: dict[str, np.ndarray] = {}
    for name, values in columns.items():
        if values.ndim != 2:
            continue
        counter = f"n{name.split('_')[0]}"
        if counter not in counted:
            counted[counter] = ragged.offsets_of(np.asarray(columns[counter], np.int64))
        if not np.array_equal(counted[counter], values.layout.offsets.data):
            raise CorruptFileError(
                f"{path}: '{name}' has other lengths than '{counter}' says; the file is damaged, or was "
                "merged from files of different versions. Copy or make it again."
            )
