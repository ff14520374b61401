"""Datasets of HDF5 files that others wrote: named errors, and no rows that the file does not hold."""

from __future__ import annotations

import math
from typing import Any

from resonaut import limits
from resonaut.errors import CorruptFileError, EmptyFileError, MissingBranchError, nearest
from resonaut.ingest.rootfile import reading

KIND = "HDF5 file"
_ROW_BYTES_MAX = 2**22
_SHOWN = 12


def dataset(file: Any, path: str, name: str, n_dimensions: int, kinds: str = "fiu") -> Any:
    """An array of an open file.

    Args:
        file: `h5py.File`.
        name: of the dataset, `group/name`.
        n_dimensions: that it must have.
        kinds: allowed `numpy.dtype.kind`.

    Returns:
        The `h5py.Dataset`; nothing is read yet.

    Raises:
        MissingBranchError: no dataset of that name.
        CorruptFileError: other dimensions or another type, or rows are declared that were never written.
        EmptyFileError: it has no rows.
    """
    import h5py
    import hdf5plugin  # noqa: F401  registers the filters that PyTables compresses with (Blosc)

    with reading(path, KIND):
        item = file.get(name)
        if not isinstance(item, h5py.Dataset):
            group, _, leaf = name.rpartition("/")
            holder = file.get(group) if group else file
            known = sorted(holder)[:_SHOWN] if isinstance(holder, h5py.Group) else []
            raise MissingBranchError(f"{path}: no dataset '{name}'. {nearest(leaf, known)}")
        shape, kind = item.shape, item.dtype.kind
        if shape is None or len(shape) != n_dimensions or kind not in kinds:
            raise CorruptFileError(
                f"{path}: the dataset '{name}' has shape {shape} and type {item.dtype}; {n_dimensions} "
                f"dimensions and one of the types '{kinds}' are expected. Is '--reader' the right one?"
            )
        if 0 in shape:
            raise EmptyFileError(
                f"{path}: the dataset '{name}' has shape {shape}, at least 1 row is expected. "
                "Leave the file out."
            )
        row = math.prod(shape[1:]) * item.dtype.itemsize
        if row > limits.scaled(_ROW_BYTES_MAX):
            raise CorruptFileError(
                f"{path}: a row of the dataset '{name}' takes {row} bytes, {limits.hint(_ROW_BYTES_MAX)} "
                "Is '--reader' the right one?"
            )
        _check_written(item, path, name)
    return item


def _check_written(item: Any, path: str, name: str) -> None:
    """Refuse shapes that a damaged header claims: HDF5 gives fill values for chunks that do not exist."""
    if item.chunks is None:
        written = item.id.get_storage_size() >= math.prod(item.shape) * item.dtype.itemsize
    else:
        expected = math.prod(-(-rows // chunk) for rows, chunk in zip(item.shape, item.chunks, strict=True))
        small = math.prod(item.chunks) * item.dtype.itemsize <= limits.scaled(limits.HDF5_CHUNK_BYTES)
        written = small and item.id.get_num_chunks() >= expected
    if not written:
        raise CorruptFileError(
            f"{path}: the dataset '{name}' of shape {item.shape} was not written to its end, or is damaged. "
            "Copy or make it again."
        )


def same_rows(path: str, *datasets: Any) -> int:
    """The number of rows that datasets share.

    Raises:
        CorruptFileError: they differ.
    """
    counts = {item.name.lstrip("/"): item.shape[0] for item in datasets}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise CorruptFileError(
            f"{path}: rows of its datasets differ ({found}); equal numbers are expected. Copy or "
            "make it again."
        )
    return next(iter(counts.values()))
