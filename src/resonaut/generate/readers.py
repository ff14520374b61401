"""Values of some events of one chunk, for each kind of representation that generators learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np

from resonaut import ragged, shower_files
from resonaut.errors import BadValueError, InputError, MissingBranchError
from resonaut.generate.columns import dataset, require_finite, values_of
from resonaut.generate.interface import Kind
from resonaut.hdf5 import open_h5

_SLICE = 2048


@dataclass(frozen=True)
class Values:
    """Rows of a chunk.

    Attributes:
        values: of each row, or flat where rows are ragged (clouds: (n_points, n_columns); showers: GeV).
        offsets: (n_rows + 1,) first value of each ragged row.
        cell: (n_hits,) of showers.
    """

    values: np.ndarray
    offsets: np.ndarray | None = None
    cell: np.ndarray | None = None


class Reader(Protocol):
    """How one kind of representation is read."""

    of_jets: bool
    """Whether a row is a jet (and an event has several), or an event."""

    def rows_per_event(self, file: h5py.File, n_events: int, path: Path) -> int:
        """Rows that each event has."""

    def shape(self, file: h5py.File) -> tuple[int, ...]:
        """Of one row, as far as chunks must agree in it."""

    def read(self, path: Path, events: np.ndarray) -> Values:
        """Rows of some events (rising row numbers of the chunk), event by event."""


class Images:
    """A row is the image of a jet, (P, P), not negative."""

    of_jets = True

    def rows_per_event(self, file: h5py.File, n_events: int, path: Path) -> int:
        """See `Reader`."""
        if "images" not in file:
            raise MissingBranchError(f"{path}: no 'images'; is this a file of images?")
        return file["images"].shape[1]

    def shape(self, file: h5py.File) -> tuple[int, ...]:
        """See `Reader`."""
        return file["images"].shape[1:]

    def read(self, path: Path, events: np.ndarray) -> Values:
        """See `Reader`."""
        with open_h5(path) as file:
            found = file["images"]
            out, done = np.empty((len(events), *found.shape[1:]), np.float32), 0
            for start in range(0, len(found), _SLICE):
                rows = events[(events >= start) & (events < start + _SLICE)] - start
                if len(rows):
                    out[done : done + len(rows)] = found[start : start + _SLICE][rows]
                    done += len(rows)
        bad = ~((out >= 0) & (out < np.inf))
        if bad.any():
            event, *rest = (int(i) for i in np.argwhere(bad)[0])
            place = ", ".join(map(str, (events[event], *rest)))
            raise BadValueError(
                f"{path}: images[{place}] is {out[bad][0]}; finite values that are not negative are "
                "expected. Run `represent images` again."
            )
        return Values(out.reshape(-1, *out.shape[2:]))


@dataclass(frozen=True)
class Clouds:
    """A row is a jet: its constituents.

    Attributes:
        columns: of the group `constituents`.
        where: key of the configuration.
    """

    columns: Sequence[str]
    where: str
    of_jets = True

    def rows_per_event(self, file: h5py.File, n_events: int, path: Path) -> int:
        """See `Reader`."""
        if "offsets" not in file:
            raise MissingBranchError(f"{path}: no 'offsets'; is this a file of clouds?")
        n_jets, rest = divmod(len(file["offsets"]) - 1, max(1, n_events))
        if rest:
            raise InputError(f"{path}: its jets do not fit {n_events} events; run `represent clouds` again.")
        return n_jets

    def shape(self, file: h5py.File) -> tuple[int, ...]:
        """See `Reader`."""
        return ()

    def read(self, path: Path, events: np.ndarray) -> Values:
        """See `Reader`."""
        with open_h5(path) as file:
            n_jets = self.rows_per_event(file, len(file["events/event"]), path)
            rows = (events[:, None] * n_jets + np.arange(n_jets)).ravel()
            take, offsets = ragged.take(file["offsets"][:].astype(np.int64), rows)
            flat = np.empty((len(take), len(self.columns)), np.float32)
            for number, name in enumerate(self.columns):
                found = dataset(file, "constituents", name, path, f"{self.where}.inputs")
                flat[:, number] = found[:][take]
        require_finite(flat, [f"constituents/{name}" for name in self.columns], path)
        return Values(flat, offsets)


@dataclass(frozen=True)
class Features:
    """A row is an event or, if a column is of every jet, a jet.

    Attributes:
        columns: `name`, `events/name`, `jets/name/0` or `jets/name`.
        where: key of the configuration.
    """

    columns: Sequence[str]
    where: str

    @property
    def of_jets(self) -> bool:
        """See `Reader`."""
        return any(name.startswith("jets/") and name.count("/") == 1 for name in self.columns)

    def rows_per_event(self, file: h5py.File, n_events: int, path: Path) -> int:
        """See `Reader`."""
        if not self.of_jets:
            return 1
        name = next(name for name in self.columns if name.startswith("jets/") and name.count("/") == 1)
        return dataset(file, "jets", name.split("/")[1], path, f"{self.where}.inputs").shape[1]

    def shape(self, file: h5py.File) -> tuple[int, ...]:
        """See `Reader`."""
        return ()

    def read(self, path: Path, events: np.ndarray) -> Values:
        """See `Reader`."""
        with open_h5(path) as file:
            n_rows = self.rows_per_event(file, len(file["events/event"]), path)
            flat = np.empty((len(events) * n_rows, len(self.columns)), np.float32)
            for number, name in enumerate(self.columns):
                flat[:, number] = values_of(
                    *(file, name, events, n_rows, self.of_jets, path), f"{self.where}.inputs"
                )
        return Values(flat)


class Showers:
    """A row is a shower: its hits."""

    of_jets = False

    def rows_per_event(self, file: h5py.File, n_events: int, path: Path) -> int:
        """See `Reader`."""
        return 1

    def shape(self, file: h5py.File) -> tuple[int, ...]:
        """See `Reader`."""
        return ()

    def read(self, path: Path, events: np.ndarray) -> Values:
        """See `Reader`."""
        showers = shower_files.read_showers(path, events, [])
        return Values(showers.energy, showers.offsets, showers.cell)


def reader(kind: Kind, columns: Sequence[str], where: str) -> Reader:
    """The reader of a kind.

    Args:
        columns: of clouds or features.
        where: key of the configuration, for the messages.
    """
    if kind == "clouds":
        return Clouds(columns, where)
    if kind == "features":
        return Features(columns, where)
    return Images() if kind == "images" else Showers()
