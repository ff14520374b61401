"""What an HDF5 file declares, judged before it is used.

A shape costs nothing: a dataset may claim 10^15 rows of which none was written, and a few bytes may stand for
a chunk of many GB. Links to other files could bring any file of this machine into a result.
"""

from __future__ import annotations

import functools
import math
import os
from typing import Any

import h5py

from resonaut import limits
from resonaut.errors import CorruptFileError

_COPY = "data must stand in the file itself. Copy them (h5repack), or make the file again."


def check(file: h5py.File, path: str | os.PathLike) -> None:
    """Refuse a file that declares more than it can hold, or whose data stand in other files.

    Args:
        path: of the file, for messages.

    Raises:
        CorruptFileError: the first such dataset or link is named.
    """
    seen = 0

    # What it returns ends the visit; an exception would be lost in HDF5.
    def judge(name: str, link: Any) -> str | None:
        nonlocal seen
        seen += 1
        if seen > limits.scaled(limits.HDF5_OBJECTS):
            return f"holds {seen} datasets and groups or more, {limits.hint(limits.HDF5_OBJECTS)}"
        if isinstance(link, h5py.ExternalLink):
            return f"'{name}' is a link to another file; {_COPY}"
        item = file.get(name) if isinstance(link, h5py.HardLink) else None
        return _judge(item, f"the dataset '{name}'") if isinstance(item, h5py.Dataset) else None

    reason = file.visititems_links(judge)
    if reason is not None:
        raise CorruptFileError(f"{path}: {reason}")


def check_once(file: h5py.File, path: str | os.PathLike) -> None:
    """`check`, the first time that this process opens the file: a training opens it for each batch."""
    status = os.stat(path)
    passed = _passed(str(path), (status.st_ino, status.st_size, status.st_mtime_ns))
    if not passed:
        check(file, path)
        passed.append(True)


@functools.lru_cache(maxsize=4096)
def _passed(path: str, state: tuple[int, int, int]) -> list[bool]:
    return []


def _judge(item: h5py.Dataset, what: str) -> str | None:
    """What is wrong with a dataset, or None."""
    if item.external or item.is_virtual:
        return f"{what} holds its values in other files; {_COPY}"
    declared = math.prod(item.shape or ()) * item.dtype.itemsize
    chunk = math.prod(item.chunks or (0,)) * item.dtype.itemsize
    if chunk > limits.scaled(limits.HDF5_CHUNK_BYTES):
        return f"{what} has chunks of {chunk} bytes, {limits.hint(limits.HDF5_CHUNK_BYTES)}"
    stored = item.id.get_storage_size()
    if declared > max(limits.scaled(limits.HDF5_EMPTY_BYTES), limits.DEFLATE_RATIO * stored):
        return (
            f"{what} of shape {item.shape} claims {declared} bytes, of which {stored} are in the file: it "
            "was not written to its end, or is damaged. Make it again."
        )
    if declared > limits.scaled(limits.HDF5_DATASET_BYTES):
        return (
            f"{what} of shape {item.shape} takes {declared} bytes, {limits.hint(limits.HDF5_DATASET_BYTES)}"
        )
    return None
