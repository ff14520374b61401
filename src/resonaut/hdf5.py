"""HDF5 files of this project: they appear whole or not at all, and a broken one is named."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import h5py

from resonaut import hdf5_declared
from resonaut.errors import CorruptFileError, MissingFileError
from resonaut.failures import DENIED, Terminated, out_of_memory
from resonaut.files import atomic


def write_attributes(file: h5py.File, attributes: Mapping[str, Any]) -> None:
    """Write attributes of a file, sorted; mappings and lists are stored as JSON text, in their own order.

    A cut flow means something in its order only, so the keys of JSON are not sorted.
    """
    for name, value in sorted(attributes.items()):
        if isinstance(value, dict | list | tuple):
            value = json.dumps(value, separators=(",", ":"), allow_nan=False)
        file.attrs[name] = value


_KEPT = (OSError, Terminated, KeyboardInterrupt)


class _Disk(io.FileIO):
    """A new file whose failed writes are kept and not raised.

    HDF5 cannot close a file that it failed to write: it crashes, or fills the terminal. So it never hears of
    a full disk, or of a signal that came in the middle of a write, but `creating` does, and raises.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__(path, "w+")
        self.failure: BaseException | None = None

    def write(self, data: Any) -> int:
        """Write all of `data`, unless a write has failed."""
        if self.failure is None:
            try:
                rest = memoryview(data).cast("B")
                while len(rest):
                    rest = rest[super().write(rest) :]
            except _KEPT as error:
                self.failure = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file, unless a write has failed."""
        if self.failure is None:
            try:
                return super().truncate(size)
            except _KEPT as error:
                self.failure = error
        return size or 0


@contextlib.contextmanager
def creating(path: str | os.PathLike, attributes: Mapping[str, Any]) -> Iterator[h5py.File]:
    """Yield a new HDF5 file with `attributes`, that appears at `path` only if the block succeeds.

    Raises:
        OutputError: no space is left, or the folder cannot be written.
    """
    # `latest` stores long attributes (settings) that the old format refuses.
    with atomic(path) as part, _Disk(part) as disk:
        with h5py.File(disk, "w", libver="latest") as file:
            write_attributes(file, attributes)
            yield file
        if disk.failure is not None:
            raise disk.failure


def open_h5(path: str | os.PathLike) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises:
        MissingFileError: no such file.
        CorruptFileError: not HDF5, truncated, or it declares what it cannot hold.
    """
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
    except OSError as error:
        if out_of_memory(error) or error.errno in DENIED:
            raise
        raise CorruptFileError(
            f"{path}: not a readable HDF5 file ({error}). Delete it and run its stage again."
        ) from None
    try:
        hdf5_declared.check_once(file, path)
    except BaseException:
        file.close()
        raise
    return file
