"""What a reader gives: what it knows of a file, and its events in batches of flat columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError
from resonaut.events import UNMEASURED, Columns

# No particle of a collider with a pt reaches it; damaged files do.
_ETA_MAX = 100


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
    """Some events of a file.

    Attributes:
        events: columns of shape (n_events,): run, lumi, event, gen_weight.
        first_entry: entry of the first event in the file's tree, for messages.
        particles: candidates of each event, to be clustered; None where `jets` is given.
        jets: jets of each event, sorted by pt; None where they are to be clustered.
        constituents: candidates of each jet of `jets`.
        gen_jets: generator jets of each event, if the source has them.
    """

    events: Columns
    first_entry: int
    particles: Ragged | None = None
    jets: Ragged | None = None
    constituents: Ragged | None = None
    gen_jets: Ragged | None = None

    def check(self, source: str) -> None:
        """Refuse what no jet algorithm survives.

        Raises:
            BadValueError: a kinematic value is not finite, a pt is negative, or an eta is impossible.
        """
        for what in ("particles", "jets", "constituents", "gen_jets"):
            group: Ragged | None = getattr(self, what)
            if group is None:
                continue
            for name, values in group.columns.items():
                if values.dtype.kind != "f" or name in UNMEASURED:
                    continue
                wrong = ~np.isfinite(values)
                if name == "pt":
                    wrong |= values < 0
                elif name == "eta":
                    wrong |= (np.abs(values) > _ETA_MAX) & (group.columns["pt"] > 0)
                if wrong.any():
                    raise BadValueError(self._message(source, what, name, int(np.argmax(wrong))))
        for name, values in self.events.items():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                row = int(np.argmin(np.isfinite(values)))
                raise BadValueError(self._text(source, name, values[row], self.first_entry + row))

    def _message(self, source: str, what: str, name: str, index: int) -> str:
        group: Ragged = getattr(self, what)
        row = int(np.searchsorted(group.offsets, index, side="right")) - 1
        if what == "constituents" and self.jets is not None:
            row = int(np.searchsorted(self.jets.offsets, row, side="right")) - 1
        return self._text(source, f"{name} of {what}", group.columns[name][index], self.first_entry + row)

    @staticmethod
    def _text(source: str, what: str, value: Any, entry: int) -> str:
        return (
            f"{source}: {what} is {value} in entry {entry}; finite values, pt >= 0 and "
            f"|eta| <= {_ETA_MAX} are expected. Remove the event, or make the file again."
        )


@dataclass(frozen=True)
class SourceInfo:
    """What a file says of the sample that it belongs to.

    Attributes:
        n_generated: events before any selection.
        sum_weights: sum of their generator weights.
        cross_section: pb; None if the file does not say.
        digest: what the content is known by: equal content gives equal digests.
    """

    n_generated: int
    sum_weights: float
    cross_section: float | None
    digest: str


class Reader(Protocol):
    """Reads one format. A reader is a file of `ingest/methods/`.

    Its module holds `TREE` (the tree of events), `matches(trees)` which says by names of trees and branches
    alone whether a file is of this format, `Settings` and `build(settings)`.
    """

    def info(self, file: Any, path: str) -> SourceInfo:
        """What the open file says of its sample."""
        ...

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """The events of the open file, at most `step` at a time."""
        ...
