"""Rows of HDF5 files by their numbers, in reads of neighbouring rows: sources of `nn.streaming`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

import h5py
import numpy as np
import torch
from torch import Tensor

from resonaut import ragged
from resonaut.errors import MissingBranchError, nearest
from resonaut.hdf5 import open_h5

_GAP = 256


def _dataset(file: h5py.File, name: str, path: str | os.PathLike) -> h5py.Dataset:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        group = file.get(name.rpartition("/")[0] or "/")
        known = list(group) if isinstance(group, h5py.Group) else list(file)
        raise MissingBranchError(f"{path}: no {name}. {nearest(name.rpartition('/')[2], known)}")
    return found


def _spans(rows: np.ndarray) -> list[np.ndarray]:
    """Rising rows, cut where many lie between two: each part is one read."""
    return np.split(rows, np.flatnonzero(np.diff(rows) > _GAP) + 1) if len(rows) else []


class _Files:
    """Rows of several files, numbered through."""

    def __init__(self, paths: Sequence[str | os.PathLike], counts: Sequence[int]) -> None:
        self._paths = list(paths)
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _by_file(self, rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Number of each file that is needed, and its own numbers of the rows."""
        edges = np.searchsorted(rows, self._starts)
        return [
            (number, rows[a:b] - self._starts[number])
            for number, (a, b) in enumerate(itertools.pairwise(edges))
            if b > a
        ]


class Hdf5Columns(_Files):
    """Rows of fixed shape.

    Args:
        paths: files, in the order of their rows.
        names: data sets of shape (n_rows, ...), the same in each file.

    Raises:
        InputError: a file cannot be read, or a data set is absent.
    """

    lengths = None

    def __init__(self, paths: Sequence[str | os.PathLike], names: Sequence[str]) -> None:
        counts = []
        for path in paths:
            with open_h5(path) as file:
                counts.append(min(len(_dataset(file, name, path)) for name in names))
        super().__init__(paths, counts)
        self._names = list(names)

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """The columns of some rows, which rise."""
        parts: list[list[np.ndarray]] = [[] for _ in self._names]
        for number, own in self._by_file(rows):
            with open_h5(self._paths[number]) as file:
                for name, column in zip(self._names, parts, strict=True):
                    column += [file[name][s[0] : s[-1] + 1][s - s[0]] for s in _spans(own)]
        return tuple(np.concatenate(column) for column in parts)


class Hdf5Ragged(_Files):
    """Rows of different lengths: flat columns, and the first value of each row.

    The offsets, 8 bytes per row, stay in memory.

    Args:
        paths: files, in the order of their rows.
        names: data sets of shape (n_values,), the features of a value.
        offsets: data set (n_rows + 1,).

    Raises:
        InputError: a file cannot be read, or a data set is absent.
    """

    lengths: Tensor

    def __init__(
        self, paths: Sequence[str | os.PathLike], names: Sequence[str], offsets: str = "offsets"
    ) -> None:
        self._offsets = []
        for path in paths:
            with open_h5(path) as file:
                for name in names:
                    _dataset(file, name, path)
                self._offsets.append(_dataset(file, offsets, path)[:].astype(np.int64))
        super().__init__(paths, [len(own) - 1 for own in self._offsets])
        self._names = list(names)
        self.lengths = torch.from_numpy(np.concatenate([np.diff(own) for own in self._offsets]))

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (n_values, n_features) float32 and offsets (n + 1,) of some rows, which rise."""
        parts = []
        for number, own in self._by_file(rows):
            with open_h5(self._paths[number]) as file:
                parts += [self._span(file, self._offsets[number], span) for span in _spans(own)]
        offsets = np.concatenate([[0], np.cumsum(self.lengths.numpy()[rows])])
        return np.concatenate(parts), offsets

    def _span(self, file: h5py.File, offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
        own = offsets[rows[0] : rows[-1] + 2]
        take, _ = ragged.take(own - own[0], rows - rows[0])
        values = np.empty((len(take), len(self._names)), np.float32)
        for number, name in enumerate(self._names):
            values[:, number] = file[name][own[0] : own[-1]][take]
        return values
