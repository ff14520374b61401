"""Tables in `.npy` files: a matrix, or records with named fields (NEP 1), read by slices of rows."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from resonaut.errors import BadValueError, CorruptFileError
from resonaut.events import Columns
from resonaut.ingest.npy_header import npy_header
from resonaut.ingest.rootfile import reading
from resonaut.ingest.tables import named, no_key, no_rows, unnamed_only

_KIND = "npy file"


class NpyTable:
    """See `tables.Table`."""

    def __init__(self, file: Any, path: str, key: str | None, columns: Sequence[str]) -> None:
        no_key(path, key)
        self.path = path
        self._file = file
        with reading(path, _KIND):
            self._shape, self._by_columns, self._dtype = npy_header(file)
            self._first_byte = file.tell()
            size = file.seek(0, os.SEEK_END) - self._first_byte
        expected = math.prod(self._shape) * self._dtype.itemsize
        if size < expected:
            raise CorruptFileError(
                f"{path}: not a readable {_KIND}, or truncated ({size} bytes of values, {expected} are "
                "expected). Copy or make it again."
            )
        fields = self._dtype.names
        if len(self._shape) != (1 if fields else 2) or self._dtype.kind not in "biufV":
            raise BadValueError(
                f"{path}: it holds an array of shape {self._shape} and type {self._dtype}; a matrix of "
                "numbers, one row per event, or a list of records is expected."
            )
        if fields:
            unnamed_only(path, columns, fields)
        self.names = fields or named(path, self._shape[1], columns)
        if self._shape[0] == 0:
            raise no_rows(path)

    def slices(self, columns: Sequence[str], step: int) -> Iterator[Columns]:
        """See `tables.Table`."""
        for start in range(0, self._shape[0], step):
            stop = min(start + step, self._shape[0])
            with reading(self.path, _KIND):
                found = self._read(columns, start, stop)
            yield found

    def _read(self, columns: Sequence[str], start: int, stop: int) -> Columns:
        if self._dtype.names:
            rows = self._values(start, stop - start)
            return {name: rows[name] for name in columns}
        n_rows, n_columns = self._shape
        place = {name: self.names.index(name) for name in columns}
        if self._by_columns:
            return {name: self._values(i * n_rows + start, stop - start) for name, i in place.items()}
        block = self._values(start * n_columns, (stop - start) * n_columns).reshape(-1, n_columns)
        return {name: block[:, i] for name, i in place.items()}

    def _values(self, first: int, count: int) -> np.ndarray:
        self._file.seek(self._first_byte + first * self._dtype.itemsize)
        return np.frombuffer(self._file.read(count * self._dtype.itemsize), self._dtype)
