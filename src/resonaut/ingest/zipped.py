"""Arrays of an npz file, compressed or stored, read by slices of rows."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from resonaut.errors import CorruptFileError, EmptyFileError, MissingBranchError, nearest
from resonaut.ingest.npy_header import npy_header
from resonaut.ingest.rootfile import reading

KIND = "npz file"
_ROW_BYTES_MAX = 2**22


class ZippedArray:
    """One array of an open npz file. Rows come in their order, and once: the member is a stream.

    Attributes:
        shape, dtype: of the whole array.
    """

    def __init__(self, stream: Any, path: str, name: str, n_bytes: int) -> None:
        self._stream, self._path, self._name = stream, path, name
        with reading(path, KIND):
            self.shape, column_major, self.dtype = npy_header(stream)
            held = n_bytes - stream.tell()
        if column_major and len(self.shape) > 1:
            raise CorruptFileError(
                f"{path}: '{name}' is stored column by column and cannot be read by rows. Save "
                "numpy.ascontiguousarray of it."
            )
        if math.prod(self.shape) * self.dtype.itemsize != held or not self.shape:
            raise CorruptFileError(
                f"{path}: '{name}' of shape {self.shape} and type {self.dtype} needs "
                f"{math.prod(self.shape) * self.dtype.itemsize} bytes, the file holds {held}. Copy it again."
            )
        if self.shape[0] == 0:
            raise EmptyFileError(f"{path}: '{name}' has 0 rows, at least 1 is expected. Leave the file out.")
        if held // self.shape[0] > _ROW_BYTES_MAX:
            raise CorruptFileError(
                f"{path}: a row of '{name}' has {held // self.shape[0]} bytes, at most {_ROW_BYTES_MAX} are "
                "expected. Is '--reader' the right one?"
            )

    def rows(self, n_rows: int) -> np.ndarray:
        """The next `n_rows` rows, (n_rows, ...).

        Raises:
            CorruptFileError: the file ends before them.
        """
        wanted = n_rows * math.prod(self.shape[1:]) * self.dtype.itemsize
        with reading(self._path, KIND):
            data = bytearray()
            while len(data) < wanted and (part := self._stream.read(wanted - len(data))):
                data += part
            if len(data) < wanted:
                raise EOFError(f"'{self._name}' ends after {len(data)} of {wanted} bytes")
            return np.frombuffer(data, self.dtype).reshape(n_rows, *self.shape[1:])


@contextlib.contextmanager
def arrays(file: Any, path: str, *names: str) -> Iterator[tuple[ZippedArray, ...]]:
    """Yield arrays of an open npz file (`numpy.lib.npyio.NpzFile`), at their first rows.

    Raises:
        MissingBranchError: one is absent.
        CorruptFileError, EmptyFileError: one cannot be read by rows, or has none.
    """
    for name in names:
        if name not in file.files:
            raise MissingBranchError(f"{path}: no array '{name}'. {nearest(name, file.files)}")
    with contextlib.ExitStack() as stack:
        opened = []
        for name in names:
            with reading(path, KIND):
                member = file.zip.getinfo(f"{name}.npy")
                stream = stack.enter_context(file.zip.open(member))
            opened.append(ZippedArray(stream, path, name, member.file_size))
        yield tuple(opened)
