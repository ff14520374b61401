"""Tables that pandas wrote to HDF5 in its 'fixed' format, read by slices of rows and without PyTables.

`<key>/block<i>_items` names the columns of `<key>/block<i>_values`, one block per type; `<key>/axis1` is the
index. Names are read as bytes or integers; pickled ones are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from resonaut.errors import CorruptFileError, MissingBranchError, nearest
from resonaut.ingest.hdf5file import KIND, dataset, same_rows
from resonaut.ingest.rootfile import reading

_BLOCKS_MAX = 64
_NEAR_MAX = 100


class Frame:
    """A frame of an open HDF5 file.

    Args:
        file: `h5py.File`.
        path: of the file, for messages.
        key: name of the frame.

    Attributes:
        columns: names (text) in the order of the blocks.

    Raises:
        MissingBranchError, CorruptFileError, EmptyFileError: the frame is absent, damaged or empty.
    """

    def __init__(self, file: Any, path: str, key: str) -> None:
        self.path, self.key = path, key
        self._where: dict[str, tuple[int, int]] = {}
        self._blocks: list[Any] = []
        with reading(path, KIND):
            present = set(file[key])
        while len(self._blocks) < _BLOCKS_MAX and f"block{len(self._blocks)}_items" in present:
            self._add(file, len(self._blocks))
        if not self._blocks:
            raise MissingBranchError(
                f"{path}: the group '{key}' holds no 'block0_items'; a pandas frame of the 'fixed' format is "
                f"expected. It holds {', '.join(sorted(present)[:8]) or 'nothing'}."
            )
        self._n_rows = same_rows(path, *self._blocks, dataset(file, path, f"{key}/axis1", 1, kinds="fiuSO"))

    def _add(self, file: Any, number: int) -> None:
        path, name = self.path, f"{self.key}/block{number}"
        items = dataset(file, path, f"{name}_items", 1, kinds="iuS")
        block = dataset(file, path, f"{name}_values", 2, kinds="fiub")
        if len(items) != block.shape[1]:
            raise CorruptFileError(
                f"{path}: '{name}_values' has {block.shape[1]} columns, '{name}_items' names {len(items)}. "
                "Copy or make it again."
            )
        with reading(path, KIND):
            names = [item.decode() if isinstance(item, bytes) else str(item) for item in items[:].tolist()]
        self._where |= {column: (number, index) for index, column in enumerate(names)}
        self._blocks.append(block)

    def __len__(self) -> int:
        return self._n_rows

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the blocks."""
        return tuple(self._where)

    def require(self, columns: Sequence[str]) -> None:
        """Check columns.

        Raises:
            MissingBranchError: one is absent; the nearest one is named.
        """
        for column in columns:
            if column not in self._where:
                near = nearest(column, self.columns[:_NEAR_MAX])
                raise MissingBranchError(f"{self.path}: '{self.key}' has no column '{column}'. {near}")

    def read(self, columns: Sequence[str], start: int, stop: int) -> dict[str, np.ndarray]:
        """(stop - start,) values of some columns."""
        self.require(columns)
        where = {name: self._where[name] for name in columns}
        with reading(self.path, KIND):
            parts = {
                number: self._blocks[number][start:stop] for number in {item[0] for item in where.values()}
            }
        return {name: parts[number][:, index] for name, (number, index) in where.items()}

    def block(self, start: int, stop: int) -> np.ndarray:
        """(stop - start, n_columns) values of a frame of one type.

        Raises:
            CorruptFileError: its columns have several types.
        """
        if len(self._blocks) > 1:
            raise CorruptFileError(
                f"{self.path}: the columns of '{self.key}' have {len(self._blocks)} types, 1 is expected. Is "
                "'--reader' the right one?"
            )
        with reading(self.path, KIND):
            return self._blocks[0][start:stop]
