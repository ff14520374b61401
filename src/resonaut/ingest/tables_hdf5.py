"""Tables in HDF5 files: a matrix, records, a group of columns, or a pandas frame of the 'fixed' format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from resonaut.errors import BadValueError, MissingBranchError
from resonaut.events import Columns
from resonaut.ingest.hdf5file import KIND, dataset, same_rows
from resonaut.ingest.pandas_frame import Frame
from resonaut.ingest.rootfile import reading
from resonaut.ingest.tables import Table, choose, named, unnamed_only

_TOP = "/"
_NUMBERS = "biuf"


def hdf5_table(file: Any, path: str, key: str | None, columns: Sequence[str]) -> Table:
    """The table of an open HDF5 file.

    Args:
        key: a dataset of two dimensions or of records, a group of columns, or a frame; '/' is the file.
        columns: names of the columns of a matrix.
    """
    with reading(path, KIND):
        known = _known(file)
    if not known:
        raise MissingBranchError(
            f"{path}: no table: a matrix, records, a group of columns of one length, or a pandas frame of "
            "the 'fixed' format is expected."
        )
    name = choose(path, key if key in (None, _TOP) else key.strip("/"), sorted(known))
    return known[name](file, path, name, columns)


def _known(file: Any) -> dict[str, Any]:
    """Tables of a file: name and class."""
    import h5py

    found: dict[str, Any] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            if item.dtype.names and item.ndim == 1:
                found[name] = _Records
            elif item.ndim == 2 and item.dtype.kind in _NUMBERS:
                found[name] = _Matrix
        elif "block0_values" in item:
            found[name] = _Frame
        elif _columns(item):
            found[name] = _Group

    note(_TOP, file)
    file.visititems(note)
    frames = [f"{name}/" for name, kind in found.items() if kind is _Frame]
    return {name: kind for name, kind in found.items() if not name.startswith(tuple(frames))}


def _columns(group: Any) -> list[str]:
    """Columns of a group: its datasets of one dimension that hold numbers."""
    import h5py

    return [
        name
        for name, item in group.items()
        if isinstance(item, h5py.Dataset) and item.ndim == 1 and item.dtype.kind in _NUMBERS
    ]


class _Matrix:
    """See `tables.Table`."""

    def __init__(self, file: Any, path: str, key: str, columns: Sequence[str]) -> None:
        self.path = path
        self._values = dataset(file, path, key, 2, kinds=_NUMBERS)
        self.names = named(path, self._values.shape[1], columns)

    def slices(self, columns: Sequence[str], step: int) -> Iterator[Columns]:
        """See `tables.Table`."""
        place = {name: self.names.index(name) for name in columns}
        for start in range(0, self._values.shape[0], step):
            with reading(self.path, KIND):
                block = self._values[start : start + step]
            yield {name: block[:, i] for name, i in place.items()}


class _Records:
    """See `tables.Table`."""

    def __init__(self, file: Any, path: str, key: str, columns: Sequence[str]) -> None:
        self.path, self._key = path, key
        self._values = dataset(file, path, key, 1, kinds="V")
        self.names = tuple(self._values.dtype.names)
        unnamed_only(path, columns, self.names)

    def slices(self, columns: Sequence[str], step: int) -> Iterator[Columns]:
        """See `tables.Table`."""
        for name in columns:
            kind = self._values.dtype[name]
            if kind.shape or kind.kind not in _NUMBERS:
                raise BadValueError(
                    f"{self.path}: the field '{name}' of '{self._key}' holds {kind}, one number is expected. "
                    "Leave it out with 'options.features'; a pandas frame is written with format='fixed'."
                )
        for start in range(0, self._values.shape[0], step):
            with reading(self.path, KIND):
                block = self._values.fields(list(columns))[start : start + step]
            yield {name: block[name] for name in columns}


class _Group:
    """See `tables.Table`."""

    def __init__(self, file: Any, path: str, key: str, columns: Sequence[str]) -> None:
        self.path = path
        with reading(path, KIND):
            self.names = tuple(_columns(file[key]))
        unnamed_only(path, columns, self.names)
        prefix = "" if key == _TOP else f"{key}/"
        self._values = {name: dataset(file, path, prefix + name, 1, kinds=_NUMBERS) for name in self.names}
        self._n_rows = same_rows(path, *self._values.values())

    def slices(self, columns: Sequence[str], step: int) -> Iterator[Columns]:
        """See `tables.Table`."""
        for start in range(0, self._n_rows, step):
            with reading(self.path, KIND):
                found = {name: self._values[name][start : start + step] for name in columns}
            yield found


class _Frame:
    """See `tables.Table`."""

    def __init__(self, file: Any, path: str, key: str, columns: Sequence[str]) -> None:
        self._frame = Frame(file, path, key)
        self.names = self._frame.columns
        unnamed_only(path, columns, self.names)

    def slices(self, columns: Sequence[str], step: int) -> Iterator[Columns]:
        """See `tables.Table`."""
        for start in range(0, len(self._frame), step):
            yield self._frame.read(columns, start, min(start + step, len(self._frame)))
