"""What a row is in each representation that taggers read: a jet, an event with its features, a shower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import h5py
import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError, InputError, MissingBranchError, nearest
from resonaut.tag.feature_settings import of_every_jet
from resonaut.tag.rows.images import Images
from resonaut.tag.rows.scored import WithScores
from resonaut.tag.rows.showers import Showers, WithVisible

if TYPE_CHECKING:
    from resonaut.nn.samples import Samples

ID = ("run", "lumi", "event")


class Representation(Protocol):
    """How the inputs of taggers are read from the chunks of one representation."""

    def rows(self, inputs: Sequence[str]) -> str:
        """What a row is: 'jets' or 'events'."""
        ...

    def rows_per_event(self, file: h5py.File, inputs: Sequence[str], path: Path) -> int:
        """Rows that each event of a chunk has."""
        ...

    def read(
        self, file: h5py.File, inputs: Sequence[str], events: np.ndarray, path: Path
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inputs of some events of a chunk.

        Args:
            events: (n_events,) rows of the chunk.

        Returns:
            Values (n_values, n_inputs) float32, and the first value of each row, (n_rows + 1,), by event.

        Raises:
            MissingBranchError: a column is absent.
            BadValueError: a value is not finite.
        """
        ...

    def samples(self, flat: np.ndarray, offsets: np.ndarray, *columns: np.ndarray) -> Samples:
        """Rows as a sample, whose batches begin with the arguments of the network."""
        ...


class Clouds:
    """A row is a jet: its constituents, columns of the group `constituents`."""

    def rows(self, inputs: Sequence[str]) -> str:
        """See `Representation`."""
        return "jets"

    def rows_per_event(self, file: h5py.File, inputs: Sequence[str], path: Path) -> int:
        """See `Representation`."""
        n_rows, n_events = len(file["offsets"]) - 1, len(columns(file, "events", ID, path)[0])
        n_jets, rest = divmod(n_rows, max(1, n_events))
        if rest:
            raise InputError(
                f"{path}: {n_rows} jets do not fit {n_events} events; run `represent clouds` again."
            )
        return n_jets

    def read(
        self, file: h5py.File, inputs: Sequence[str], events: np.ndarray, path: Path
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Representation`."""
        n_jets = self.rows_per_event(file, inputs, path)
        rows = (events[:, None] * n_jets + np.arange(n_jets)).ravel()
        take, offsets = ragged.take(file["offsets"][:].astype(np.int64), rows)
        flat = np.empty((len(take), len(inputs)), np.float32)
        for number, column in enumerate(columns(file, "constituents", inputs, path)):
            flat[:, number] = column[:][take]
        _finite(flat, [f"constituents/{name}" for name in inputs], take, path)
        return flat, offsets

    def samples(self, flat: np.ndarray, offsets: np.ndarray, *columns: np.ndarray) -> Samples:
        """See `Representation`: padded constituents and their mask."""
        from resonaut.nn.samples import RaggedSamples

        return RaggedSamples(flat, offsets, *columns)


class Features:
    """A row is an event or, if an input is of every jet, a jet; the features are the values of a row.

    Inputs: `name` or `events/name` of the event; `jets/name/0` of its leading jet, `jets/name/1` of the next;
    `jets/name` of the jet that the row is.
    """

    def rows(self, inputs: Sequence[str]) -> str:
        """See `Representation`."""
        return "jets" if of_every_jet(inputs) else "events"

    def rows_per_event(self, file: h5py.File, inputs: Sequence[str], path: Path) -> int:
        """See `Representation`."""
        of_jets = of_every_jet(inputs)
        if not of_jets:
            return 1
        group, name = of_jets[0]
        return columns(file, group, [name], path)[0].shape[1]

    def read(
        self, file: h5py.File, inputs: Sequence[str], events: np.ndarray, path: Path
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Representation`."""
        n_rows = self.rows_per_event(file, inputs, path)
        table = np.empty((len(events), n_rows, len(inputs)), np.float32)
        for number, (group, name, jet) in enumerate(map(_place, inputs)):
            (column,) = columns(file, group, [name], path)
            values = column[:][events]
            if jet is not None:
                values = _of_jet(values, jet, f"{path}: {group}/{name}")
            table[..., number] = values.reshape(len(events), -1)
        flat = table.reshape(-1, len(inputs))
        _finite(flat, inputs, np.repeat(events, n_rows), path)
        return flat, np.arange(len(flat) + 1)

    def samples(self, flat: np.ndarray, offsets: np.ndarray, *columns: np.ndarray) -> Samples:
        """See `Representation`: one row of features each."""
        from resonaut.nn.samples import FixedSamples

        return FixedSamples(flat, *columns)


REPRESENTATIONS: dict[str, Representation] = {
    "clouds": Clouds(),
    "features": Features(),
    "images": Images(),
    "showers": Showers(),
}


def opened(chunk: h5py.File, path: Path, kind: str, scores: Mapping[str, np.ndarray] | None = None) -> Any:
    """An open chunk with the columns that follow from it, or from taggers, beside its own.

    Args:
        kind: representation of the chunk.
        scores: log odds that taggers give to its jets, by tagger.
    """
    if scores:
        return WithScores(chunk, scores)
    return WithVisible(chunk, path) if kind == "showers" else chunk


def columns(file: h5py.File, group: str, names: Sequence[str], path: Path) -> list[h5py.Dataset]:
    """Columns of a group.

    Raises:
        MissingBranchError: the group or a column is absent; the nearest is named.
    """
    if group not in file:
        raise MissingBranchError(f"{path}: no group '{group}'; it holds {', '.join(sorted(file))}.")
    for name in names:
        if name not in file[group]:
            raise MissingBranchError(f"{path}: no {group}/{name}. {nearest(name, file[group])}")
    return [file[f"{group}/{name}"] for name in names]


def _place(text: str) -> tuple[str, str, int | None]:
    """Group, column and number of the jet that an input names."""
    group, *rest = text.split("/")
    if not rest:
        return "events", group, None
    return group, rest[0], int(rest[1]) if len(rest) > 1 else None


def _of_jet(values: np.ndarray, jet: int, what: str) -> np.ndarray:
    if jet >= values.shape[1]:
        raise MissingBranchError(
            f"{what}/{jet}: {values.shape[1]} jets per event are stored, counted from 0. Raise "
            "represent.n_jets."
        )
    return values[:, jet]


def _finite(flat: np.ndarray, names: Sequence[str], rows: np.ndarray, path: Path) -> None:
    bad = ~np.isfinite(flat)
    if bad.any():
        row, number = (int(i) for i in np.argwhere(bad)[0])
        raise BadValueError(
            f"{path}: {names[number]} is {flat[row, number]} in row {rows[row]}; finite values are expected. "
            "Run `ingest` and `represent` again for this chunk."
        )
