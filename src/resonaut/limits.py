"""How large an input may be: files that would fill the memory are refused before they are read.

A few bytes can stand for very many: a YAML alias that is repeated, lists nested without end, an HDF5 dataset
whose shape was declared and never written, a tree of ROOT that claims more events than it has bytes. Each
limit stands here once, far above what studies need. The environment variable `RESONAUT_LIMITS` multiplies all
of them, for an input that is known to be good.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from resonaut.errors import ConfigError, InputError, MissingFileError, ResonautError

VARIABLE = "RESONAUT_LIMITS"
JSON_BYTES = 200_000_000
"""Published workspaces take up to 100 MB; Python needs 5 to 20 times as much for one."""
YAML_BYTES = 10_000_000
"""Bytes of a configuration, or of a table of HEPData."""
NODES = 1_000_000
"""Values in a configuration, each counted as often as aliases repeat it."""
DEPTH = 100
"""Lists and mappings within each other in a configuration."""
HDF5_OBJECTS = 100_000
"""Datasets and groups of a file."""
HDF5_CHUNK_BYTES = 2**30
"""A chunk is decompressed as a whole."""
HDF5_DATASET_BYTES = 2**36
"""64 GiB, decompressed. Such data sets are read by slices."""
HDF5_EMPTY_BYTES = 2**30
"""Bytes of a dataset that may be declared and not written."""
DEFLATE_RATIO = 1100.0
"""Gzip reaches 1032: a dataset that is larger than what is stored by more than this was not written."""
ROOT_ENTRY_BYTES = 2**24
"""Bytes of a branch per event, on average; real branches have less than 1 MB."""
ROOT_BASKET_BYTES = 2**30
"""Bytes of a basket, decompressed, on average over a branch."""
ROOT_RATIO = 2000.0
"""Bytes of a large branch to its bytes in the file."""
ROOT_SMALL = 2**26
"""Bytes of a branch that may be compressed to any ratio."""


def scaled(limit: float) -> int:
    """A limit times the factor of the environment variable `RESONAUT_LIMITS`, 1 where that is not set.

    Raises:
        ConfigError: the variable is not a positive number.
    """
    text = os.environ.get(VARIABLE, "1")
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise ConfigError(f"{VARIABLE}={text}: a positive factor for all limits is expected, such as 4.")
    return int(limit * factor)


def hint(limit: float) -> str:
    """What a user does about an input that exceeds a limit."""
    return (
        f"at most {scaled(limit)} are allowed. If the file is good, raise the limits: set the environment "
        f"variable {VARIABLE} to a factor, such as 4."
    )


def read_text(path: str | os.PathLike, max_bytes: int) -> str:
    """The text of a file in UTF-8, if it is not larger than a limit; `RESONAUT_LIMITS` scales the limit.

    Raises:
        MissingFileError: no such file.
        InputError: it is too large, or a folder.
        UnicodeDecodeError: not UTF-8.
    """
    try:
        # What is no regular file (a pipe, /dev/zero) tells no size: so the bytes are counted.
        with open(path, "rb") as file:
            data = file.read(scaled(max_bytes) + 1)
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a file is expected, this is a folder.") from None
    if len(data) > scaled(max_bytes):
        size = Path(path).stat().st_size
        found = f"{size} bytes" if size >= len(data) else f"more than {scaled(max_bytes)} bytes"
        raise InputError(f"{path}: takes {found}, {hint(max_bytes)}")
    return data.decode("utf-8")


def check_tree(value: Any, where: str, error: type[ResonautError] = ConfigError) -> None:
    """Refuse nested lists and mappings that grow without bounds when they are used.

    Aliases of YAML cost nothing while it is read ("billion laughs"), but each copy counts once the value is
    copied, checked or written.

    Args:
        value: of YAML or JSON.
        where: file, for the message.
        error: that is raised.

    Raises:
        ConfigError, or `error`: too many values, or nested too deeply (also into itself).
    """
    waiting, count = [(value, 0)], 0
    most, deepest = scaled(NODES), scaled(DEPTH)
    while waiting:
        item, depth = waiting.pop()
        count += 1
        if count > most:
            raise error(f"{where}: holds more values than can be used, {hint(NODES)}")
        if depth > deepest:
            raise error(f"{where}: is nested too deeply, {hint(DEPTH)}")
        if isinstance(item, dict):
            waiting += ((inner, depth + 1) for inner in item.values())
        elif isinstance(item, list | tuple):
            waiting += ((inner, depth + 1) for inner in item)
