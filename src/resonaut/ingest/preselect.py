"""Events of a batch that go into the store: faults and duplicates out, jets clustered, cuts applied."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError
from resonaut.events import Columns, Events
from resonaut.ingest.batch import RANGES, Batch, Ragged
from resonaut.ingest.cluster import cluster
from resonaut.ingest.matching import flavour, matched
from resonaut.ingest.settings import IngestSettings, IngestTask
from resonaut.logs import log
from resonaut.seeds import event_hash

_KINEMATICS = ("pt", "eta", "phi", "mass")


@dataclass
class Counts:
    """What became of events and jets.

    Attributes:
        flow: events left after each cut, in order: read, good, (class), the preselection.
        rejected: events without use, by reason: fault, duplicate.
        dropped_jets: jets, by reason: without_constituents, below_pt_min, beyond_n_max.
        n_generated, sum_weights: events before any selection, and the sum of their generator weights: of the
            chosen classes where classes are chosen, without repeated events.
        good_weight, repeated_weight: sums of weights of the good events, and of the repeated ones.
    """

    flow: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    dropped_jets: dict[str, int] = field(default_factory=dict)
    n_generated: int = 0
    sum_weights: float = 0.0
    good_weight: float = 0.0
    repeated_weight: float = 0.0

    def add(self, other: Counts) -> None:
        """Add the counts of other events."""
        for name in ("flow", "rejected", "dropped_jets"):
            mine = getattr(self, name)
            for key, count in getattr(other, name).items():
                mine[key] = mine.get(key, 0) + count
        self.n_generated += other.n_generated
        self.sum_weights += other.sum_weights
        self.good_weight += other.good_weight
        self.repeated_weight += other.repeated_weight


class Seen:
    """Numbers of the events that were read, as hashes: 8 bytes an event."""

    def __init__(self) -> None:
        # Sorted arrays, each more than twice as long as the next: adding n events one by one costs n log n.
        self._blocks: list[np.ndarray] = []

    def mark(self) -> list[np.ndarray]:
        """What is known now, for `rollback`."""
        return list(self._blocks)

    def rollback(self, mark: list[np.ndarray]) -> None:
        """Forget what was added since `mark`."""
        self._blocks = mark

    def add(self, events: Columns) -> np.ndarray:
        """Remember events; (n_events,) mask of those that were read before, in this batch or earlier."""
        hashes = event_hash("", events["run"], events["lumi"], events["event"], 0, "duplicates")
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        again = np.zeros(len(hashes), bool)
        again[order[1:]] = ordered[1:] == ordered[:-1]
        for block in self._blocks:
            place = np.minimum(np.searchsorted(block, hashes), len(block) - 1)
            again |= block[place] == hashes
        if len(ordered):
            self._blocks.append(ordered)
        while len(self._blocks) > 1 and len(self._blocks[-2]) <= 2 * len(self._blocks[-1]):
            merged = np.concatenate([self._blocks.pop(), self._blocks.pop()])
            merged.sort(kind="stable")
            self._blocks.append(merged)
        return again


def clean(batch: Batch, path: str, settings: IngestSettings, seen: Seen) -> tuple[Batch, Counts]:
    """The events without faults that were not read before.

    Raises:
        BadValueError: there are others, and the settings say that this is an error.
    """
    faulty, lines = batch.faults()
    if lines:
        text = f"{path}: {'; '.join(lines[:3])}; {RANGES} are expected."
        if settings.on_bad_event == "fail":
            raise BadValueError(
                f"{text} Remove the event, make the file again, or reject such events: "
                "'ingest.on_bad_event: reject'."
            )
        log.warning("%s %d of %d events are rejected.", text, faulty.sum(), len(batch))
    again = np.zeros(len(batch), bool)
    if settings.duplicates != "keep":
        again = seen.add(batch.events) & ~faulty
    if again.any():
        row = int(np.argmax(again))
        name = ":".join(str(batch.events[column][row]) for column in ("run", "lumi", "event"))
        text = f"{path}: the event {name} (run:lumi:event; entry {batch.first_entry + row}) was read before"
        if settings.duplicates == "fail":
            raise BadValueError(
                f"{text}. Remove files that are there twice, or set 'ingest.duplicates' to reject or keep."
            )
        log.warning("%s; %d such events are rejected.", text, again.sum())
    good = ~(faulty | again)
    weights = batch.events["gen_weight"]
    counts = Counts(
        {"read": len(batch), "ingest_good": int(good.sum())},
        {"fault": int(faulty.sum()), "duplicate": int(again.sum())},
        good_weight=float(weights[good].sum()),
        repeated_weight=float(weights[again].sum()),
    )
    return (batch if good.all() else batch.take(np.flatnonzero(good))), counts


def of_classes(batch: Batch, wanted: np.ndarray) -> tuple[Batch, Counts]:
    """The events whose label is one of `wanted`."""
    kept = np.isin(batch.events["label"], wanted)
    chosen = batch.take(np.flatnonzero(kept))
    weight = float(chosen.events["gen_weight"].sum())
    return chosen, Counts({"ingest_class": len(chosen)}, n_generated=len(chosen), sum_weights=weight)


def preselect(batch: Batch, task: IngestTask) -> tuple[Events, Counts]:
    """Cluster one batch where it has no jets, and select its events.

    Returns:
        The events that pass, and the cut flow.
    """
    settings = task.ingest
    columns = dict(batch.events)
    if task.label is not None:
        columns["label"] = np.zeros(len(batch), np.int32)
    if batch.hits is not None:
        events = Events(columns, {}, _no_jets(batch), hits=_narrow(batch.hits.columns))
        events.hit_offsets = batch.hits.offsets
        return events, Counts()
    if batch.images:
        return Events(columns, {}, _no_jets(batch), images=dict(batch.images)), Counts()
    counts = Counts()
    if batch.jets is None and batch.particles is None:
        events = Events(columns, {}, _no_jets(batch), features=dict(batch.features))
    else:
        events = _with_jets(batch, columns, settings, counts)
        if "mass" not in columns:
            # Made from what is stored, so that it can be made again from the store to the last bit.
            columns["mass"] = settings.preselection.mass(events.jets, events.event_offsets)
    if events.jets:
        jets = events.jets
        mask, flow = settings.preselection.apply(
            jets["pt"], jets["eta"], events.event_offsets, columns["mass"]
        )
    else:
        mask, flow = settings.preselection.apply_mass(columns["mass"])
    counts.flow = {f"ingest_{cut}": count for cut, count in flow.items() if cut != "read"}
    return events.select(mask), counts


def _no_jets(batch: Batch) -> np.ndarray:
    return np.zeros(len(batch) + 1, np.int64)


def _with_jets(batch: Batch, columns: Columns, settings: IngestSettings, counts: Counts) -> Events:
    constituents: Ragged | None
    if batch.jets is not None:
        jets, constituents = batch.jets, batch.constituents
    else:
        jets, constituents = cluster(batch.particles, settings.jets)
    if settings.constituents == "none":
        constituents = None
    gen_jets = batch.gen_jets
    events = Events(
        events=columns,
        jets=_narrow(jets.columns),
        event_offsets=jets.offsets,
        gen_jets=_narrow(gen_jets.columns) if gen_jets else {},
        gen_jet_offsets=gen_jets.offsets if gen_jets else np.zeros(1, np.int64),
    )
    with_constituents = np.ones(len(jets.columns["pt"]), bool)
    if constituents is not None:
        # Filler of fixed-length formats: a candidate without momentum has no direction.
        constituents = constituents.keep(constituents.columns["pt"] > 0)
        events.constituents, events.jet_offsets = _narrow(constituents.columns), constituents.offsets
        with_constituents = np.diff(constituents.offsets) > 0
    hard = events.jets["pt"] >= settings.jets.smallest_pt(clustered=batch.jets is None)
    good = with_constituents & hard
    leading = np.ones_like(good)
    if settings.jets.n_max is not None:
        leading[good] = ragged.rank(ragged.keep(events.event_offsets, good)) < settings.jets.n_max
    counts.dropped_jets = {
        "without_constituents": int((~with_constituents).sum()),
        "below_pt_min": int((with_constituents & ~hard).sum()),
        "beyond_n_max": int((good & ~leading).sum()),
    }
    events = events.keep_jets(good & leading)
    events.jets |= _truth_of_jets(events, batch, settings.jets.radius)
    return events


def _truth_of_jets(events: Events, batch: Batch, radius: float) -> Columns:
    """`matched` and `flavour` of jets, where the file has the truth for them."""
    jets = Ragged(events.jets, events.event_offsets)
    columns: Columns = {}
    if batch.truth is not None:
        columns["matched"] = matched(jets, batch.truth, radius)
    if batch.heavy_hadrons is not None:
        columns["flavour"] = flavour(jets, batch.heavy_hadrons, radius)
    return columns


def _narrow(columns: Columns) -> Columns:
    """Kinematics in single precision: candidates are measured to three digits, float32 holds seven."""
    return {
        name: values.astype(np.float32) if values.dtype.kind == "f" else values.astype(np.int32)
        for name, values in columns.items()
    }


def nothing(level: str, labelled: bool) -> Events:
    """No events, with the columns that every store of this level has."""
    none = np.zeros(0)
    events: Columns = {name: none.astype(np.int64) for name in ("run", "lumi", "event")}
    events["gen_weight"] = none
    if labelled:
        events["label"] = none.astype(np.int32)
    if level == "showers":
        hits = {"cell": none.astype(np.int32), "energy": none.astype(np.float32)}
        return Events(events, {}, np.zeros(1, np.int64), hits=hits)
    if level == "images":
        return Events(events, {}, np.zeros(1, np.int64))
    events["mass"] = none
    if level == "table":
        return Events(events, {}, np.zeros(1, np.int64))
    kinematics = {name: none.astype(np.float32) for name in _KINEMATICS}
    return Events(events, kinematics, np.zeros(1, np.int64), dict(kinematics))
