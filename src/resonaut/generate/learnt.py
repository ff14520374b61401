"""What a generator learns: rows of one representation with their conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut import ragged
from resonaut.errors import EmptyFileError
from resonaut.generate.interface import Kind, Shape
from resonaut.showers import Showers, dense_shape

if TYPE_CHECKING:
    from resonaut.nn.samples import Samples


@dataclass(frozen=True)
class Learnt:
    """Rows of one representation.

    Attributes:
        kind: of the representation.
        columns: names of the columns of clouds or features; empty otherwise.
        values: float32: (n, F) features; (n, P, P) images; (n_points, n_columns) of clouds and (n_hits,) GeV
            of showers, flat.
        offsets: (n + 1,) int64 first value of each row of clouds and showers.
        cell: (n_hits,) int32 of showers, rising inside a shower.
        conditions: (n, k) float32 in their own units; k may be 0.
        condition_names: of their columns; `class_<dataset>` is 1 for rows of that dataset, 0 otherwise.
        places: where each stands in a file, `jets/pt` for example; empty for classes.
        part: (n,) int8 index into `nn.splits.PARTS`; all rows of an event are in the same.
        half: (n,) int8, 0 or 1: which half of its part an event belongs to.
        held: (n,) bool, rows that `hold_out` keeps out of the training.
        settings: how the representation was made (`normalise`, `threshold`, ...); `geometry` of showers.
        ids: (n,) each: `run`, `lumi`, `event`; `dataset`, index into `datasets`; `index`, of the jet in its
            event; `order`, a hash by which rows are put into random order.
        datasets: names.
        carried: (n,) each, what else is known of the rows: `jets/pt`, `events/mass`, `events/theta`.
    """

    kind: Kind
    columns: tuple[str, ...]
    values: np.ndarray
    offsets: np.ndarray | None
    cell: np.ndarray | None
    conditions: np.ndarray
    condition_names: tuple[str, ...]
    places: tuple[str, ...]
    part: np.ndarray
    half: np.ndarray
    held: np.ndarray
    settings: dict[str, Any]
    ids: dict[str, np.ndarray]
    datasets: tuple[str, ...]
    carried: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.part)

    @property
    def dims(self) -> tuple[int, ...]:
        """Of one row, see `Shape`."""
        if self.kind == "showers":
            return dense_shape(self.settings["geometry"])
        return self.values.shape[1:]

    def select(self, rows: np.ndarray) -> Learnt:
        """Some rows, in the order of the row numbers `rows`, (n,), or of a mask."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        values, offsets, cell = self.values, self.offsets, self.cell
        if offsets is None:
            values = values[rows]
        else:
            take, offsets = ragged.take(offsets, rows)
            values = values[take]
            cell = None if cell is None else cell[take]
        return Learnt(
            *(self.kind, self.columns, values, offsets, cell),
            *(self.conditions[rows], self.condition_names, self.places),
            *(self.part[rows], self.half[rows], self.held[rows], self.settings),
            {name: column[rows] for name, column in self.ids.items()},
            self.datasets,
            {name: column[rows] for name, column in self.carried.items()},
        )

    def samples(self) -> Samples:
        """The rows as a training sample, whose batches are those of `interface.Generator`."""
        from resonaut.nn.samples import FixedSamples, RaggedSamples
        from resonaut.nn.shower_samples import SparseShowers

        if self.kind == "clouds":
            return RaggedSamples(self.values, self.offsets, self.conditions)
        if self.kind == "showers":
            return SparseShowers(self.cell, self.values, self.offsets, self.dims, self.conditions)
        return FixedSamples(self.values, self.conditions)

    def shape(self) -> Shape:
        """What a network is made for."""
        return Shape(self.kind, self.dims, self.columns, self.condition_names, self.settings)

    def showers(self) -> Showers:
        """The rows as showers, with what is known of each as columns."""
        of_events = {
            name.removeprefix("events/"): values
            for name, values in self.carried.items()
            if name.startswith("events/")
        }
        return Showers(self.settings["geometry"], self.cell, self.values, self.offsets, of_events)


def join(parts: Sequence[Learnt], where: str) -> Learnt:
    """Rows of several chunks, one after the other.

    Raises:
        EmptyFileError: there are none.
    """
    if not parts:
        raise EmptyFileError(f"{where}: no rows.")
    first = parts[0]
    shift = np.cumsum([0, *(len(part.values) for part in parts)])
    offsets = None
    if first.offsets is not None:
        moved = [part.offsets[1:] + start for part, start in zip(parts, shift, strict=False)]
        offsets = np.concatenate([np.zeros(1, np.int64), *moved])
    return Learnt(
        *(first.kind, first.columns, np.concatenate([part.values for part in parts]), offsets),
        None if first.cell is None else np.concatenate([part.cell for part in parts]),
        np.concatenate([part.conditions for part in parts]),
        *(first.condition_names, first.places),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("part", "half", "held")),
        first.settings,
        _joined([part.ids for part in parts]),
        first.datasets,
        _joined([part.carried for part in parts]),
    )


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Columns that all parts have."""
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
        if all(name in part for part in parts)
    }


def read(
    manifests: Mapping[str, Path], settings: Any, seed: int, where: str, parts: Sequence[str] = ()
) -> Learnt:
    """Rows of the datasets of a generator; see `resonaut.generate.reading.read`."""
    from resonaut.generate import reading

    return reading.read(manifests, settings, seed, where, parts)
