"""What a reader gives: what it knows of a file, and its events in batches of flat columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from resonaut import ragged
from resonaut.events import PDG_CLASSES, UNMEASURED, Columns

# No particle of a collider reaches these; damaged files do.
_ETA_MAX = 100.0
_ENERGY_MAX = 1e6
# All conventions of angles, and some more for a jet at the seam with its constituents.
PHI_MAX = 10.0
_CHARGE_MAX = 3
_WHOLE = np.iinfo(np.int32)
RANGES = (
    f"finite values, 0 <= pt <= {_ENERGY_MAX:g} GeV, |eta| <= {_ETA_MAX:g}, |phi| <= {PHI_MAX:g}, "
    f"|charge| <= {_CHARGE_MAX}, whole numbers of 32 bits"
)
"""What is expected of every event, for messages."""
GROUPS = ("particles", "jets", "constituents", "gen_jets", "hits", "truth", "heavy_hadrons")


@dataclass(frozen=True)
class Ragged:
    """Flat columns and the offsets of the rows that they belong to."""

    columns: Columns
    offsets: np.ndarray

    def take(self, rows: np.ndarray) -> Ragged:
        """Some rows, in the order given."""
        index, offsets = ragged.take(self.offsets, rows)
        return Ragged({name: values[index] for name, values in self.columns.items()}, offsets)

    def keep(self, mask: np.ndarray) -> Ragged:
        """All rows, with only the values where the (n_values,) `mask` is true."""
        columns = {name: values[mask] for name, values in self.columns.items()}
        return Ragged(columns, ragged.keep(self.offsets, mask))


@dataclass(frozen=True)
class Batch:
    """Some events of a file, at the level that the file holds them.

    Kinematics are pt, eta, phi, mass in GeV and radian; jets are sorted by pt inside an event.

    Attributes:
        events: columns of shape (n_events,): run, lumi, event (integers), gen_weight, where known `n_pu`,
            `weights/<name>`, `label` (class index into `SourceInfo.label_names`), and `mass` where the
            file, not the jets, gives the resonant variable.
        first_entry: entry of the first event in the file's tree, for messages.
        particles: candidates of each event, to be clustered; None where `jets` is given.
        jets: jets of each event; None where they are to be clustered, and without jets at all.
        constituents: candidates of each jet of `jets`; None where the file has none.
        gen_jets: generator jets of each event, if the source has them.
        truth: resonances of each event and what they decay to (see `matching.matched`): pt, eta, phi, mass,
            pdg_id, parent; None where the file has none.
        heavy_hadrons: weakly decaying b and c hadrons of each event: pt, eta, phi, mass, pdg_id; None where
            the file has none.
        features: (n_events,) columns of a table, where events are rows of features and not jets.
        hits: cells of each calorimeter shower: `cell` (index into the geometry), `energy` (GeV), and `time`
            (ns) where it is known.
        images: `pixels` of pictures, (n_events, n_channels, rows, columns), where events are those.
    """

    events: Columns
    first_entry: int
    particles: Ragged | None = None
    jets: Ragged | None = None
    constituents: Ragged | None = None
    gen_jets: Ragged | None = None
    truth: Ragged | None = None
    heavy_hadrons: Ragged | None = None
    features: Columns = field(default_factory=dict)
    hits: Ragged | None = None
    images: Columns = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.events["event"])

    def take(self, rows: np.ndarray) -> Batch:
        """Some events, in the order given."""
        groups: dict[str, Ragged | None] = {
            name: None if getattr(self, name) is None else getattr(self, name).take(rows)
            for name in GROUPS
            if name != "constituents"
        }
        if self.constituents is not None and self.jets is not None:
            groups["constituents"] = self.constituents.take(ragged.take(self.jets.offsets, rows)[0])
        return Batch(
            {name: values[rows] for name, values in self.events.items()},
            self.first_entry,
            features={name: values[rows] for name, values in self.features.items()},
            images={name: values[rows] for name, values in self.images.items()},
            **groups,
        )

    def faults(self) -> tuple[np.ndarray, list[str]]:
        """What no jet algorithm survives: values that are not finite, negative energies, impossible angles.

        Returns:
            (n_events,) mask of the events with a fault, and what is wrong, one line per column that has any:
            "pt of particles is nan in entry 12".
        """
        wrong_events = np.zeros(len(self), bool)
        lines: list[str] = []

        def note(what: str, values: np.ndarray, wrong: np.ndarray, rows: np.ndarray) -> None:
            if wrong.any():
                first = int(np.argmax(wrong))
                lines.append(f"{what} is {values[first]} in entry {self.first_entry + int(rows[first])}")
                wrong_events[rows[wrong]] = True

        for group in GROUPS:
            item: Ragged | None = getattr(self, group)
            if item is None:
                continue
            rows = ragged.row_of(item.offsets)
            if group == "constituents" and self.jets is not None:
                rows = ragged.row_of(self.jets.offsets)[rows]
            for name, values in item.columns.items():
                if name not in UNMEASURED:
                    note(f"{name} of {group}", values, _impossible(group, name, values, item.columns), rows)
        every = np.arange(len(self))
        for name, values in {**self.events, **self.features}.items():
            if name == "incident_energy":
                note(f"{name} (GeV, above 0)", values, ~((values > 0) & np.isfinite(values)), every)
            elif values.dtype.kind == "f":
                note(name, values, ~np.isfinite(values), every)
        for name, values in self.images.items():
            flat = values.reshape(len(values), -1)
            wrong = ~np.isfinite(flat)
            note(f"{name} of images", flat[every, wrong.argmax(axis=1)], wrong.any(axis=1), every)
        return wrong_events, lines


def _impossible(group: str, name: str, values: np.ndarray, columns: Columns) -> np.ndarray:
    """(n_values,) mask of values that no measurement gives."""
    wrong = ~np.isfinite(values)
    if values.dtype.kind in "iu":
        # The store holds 32 bits: the others would wrap.
        wrong |= (values < _WHOLE.min) | (values > _WHOLE.max)
    if name in ("pt", "energy"):
        wrong |= (values < 0) | (values > _ENERGY_MAX)
    elif name == "mass":
        # Rounding makes the masses of light particles slightly negative.
        wrong |= np.abs(values) > _ENERGY_MAX
    elif name == "eta":
        wrong |= (np.abs(values) > _ETA_MAX) & (columns["pt"] > 0)
    elif name == "phi":
        wrong |= (np.abs(values) > PHI_MAX) & (columns["pt"] > 0)
    elif name == "charge" and group in ("particles", "constituents"):
        # Without abs: of the smallest whole number of a type there is no positive one.
        wrong |= (values < -_CHARGE_MAX) | (values > _CHARGE_MAX)
    elif name == "pdg_class":
        wrong |= (values < 0) | (values >= len(PDG_CLASSES))
    return wrong


@dataclass(frozen=True)
class SourceInfo:
    """What a file says of the sample that it belongs to.

    Attributes:
        n_generated: events before any selection.
        sum_weights: sum of their generator weights.
        cross_section: pb; None if the file does not say.
        digest: what the content is known by: equal content gives equal digests.
        label_names: truth classes that `Batch.events["label"]` counts; empty without truth.
        attributes: what else the store shall say of the sample (`geometry` of showers, ...), JSON values.
    """

    n_generated: int
    sum_weights: float
    cross_section: float | None
    digest: str
    label_names: tuple[str, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)


class Reader(Protocol):
    """Reads one format. A reader is a file of `ingest/methods/`.

    Its module holds `KINDS` (kinds of files that it reads, see `contents.KINDS`), `LEVEL` (what its events
    are: 'jets', 'table', 'showers' or 'images'), `NUMBERED` (whether the file numbers its events; where the
    settings decide that, an attribute `numbered` of the reader wins), `matches(contents)` (whether a file is
    of this format, by names alone), `Settings` and `build(settings)`; optionally
    `check_file(contents, settings)`, which compares settings that name branches with a file. A reader that
    opens further files has an attribute `remote`, which the ingestion sets. What the open file is,
    `contents.opened` says.
    """

    def info(self, file: Any, path: str) -> SourceInfo:
        """What the open file says of its sample."""
        ...

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """The events of the open file, at most `step` at a time."""
        ...
