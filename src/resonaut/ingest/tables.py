"""Rectangular tables of any kind of file, by columns and slices of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from resonaut.errors import ConfigError, EmptyFileError, nearest
from resonaut.events import Columns

_MAGIC = {b"\x93NUMPY": "npy", b"PAR1": "parquet"}


class Table(Protocol):
    """Columns of one length.

    Attributes:
        names: of the columns, in the order of the file.
    """

    names: tuple[str, ...]

    def slices(self, columns: Sequence[str], step: int) -> Iterator[Columns]:
        """Values of some columns, at most `step` rows at a time.

        Raises:
            BadValueError: a column does not hold numbers.
            CorruptFileError: the file is damaged.
        """
        ...


def open_table(file: Any, path: str, key: str | None, columns: Sequence[str]) -> Table:
    """The table of an open file (see `contents.opened`).

    Args:
        key: a tree, or a dataset, group or frame of HDF5; may be left out where there is one table.
        columns: names of the columns, where the file has none.

    Raises:
        ConfigError: key or columns do not fit the file.
        CorruptFileError, EmptyFileError: the file is damaged or holds no rows.
    """
    return _opener(file)(file, path, key, columns)


def _opener(file: Any) -> Callable[..., Table]:
    if hasattr(file, "classnames"):
        from resonaut.ingest.tables_root import TreeTable

        return TreeTable
    if hasattr(file, "visititems"):
        from resonaut.ingest.tables_hdf5 import hdf5_table

        return hdf5_table
    file.seek(0)
    head = file.read(8)
    file.seek(0)
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "csv")
    if kind == "npy":
        from resonaut.ingest.tables_npy import NpyTable

        return NpyTable
    from resonaut.ingest import tables_arrow

    return tables_arrow.ParquetTable if kind == "parquet" else tables_arrow.CsvTable


def named(path: str, n_columns: int, columns: Sequence[str]) -> tuple[str, ...]:
    """The configured names of a table that has none.

    Raises:
        ConfigError: there are none, or another number of them.
    """
    if len(columns) != n_columns:
        found = f"names {len(columns)} columns" if columns else "is not given"
        raise ConfigError(
            f"options.columns: it {found}, the table in {path} has {n_columns} columns without names. Name "
            "each."
        )
    return tuple(columns)


def unnamed_only(path: str, columns: Sequence[str], names: Sequence[str]) -> None:
    """Refuse names for a table that has its own.

    Raises:
        ConfigError: `columns` is not empty.
    """
    if columns:
        raise ConfigError(
            f"options.columns: the table in {path} names its columns itself ({', '.join(names[:8])}). Leave "
            "'options.columns' out; 'options.rename' gives other names."
        )


def no_key(path: str, key: str | None) -> None:
    """Refuse a key for a file that holds one table.

    Raises:
        ConfigError: `key` is given.
    """
    if key is not None:
        raise ConfigError(f"options.key: {path} holds one table, without a name. Leave 'options.key' out.")


def choose(path: str, key: str | None, known: Sequence[str]) -> str:
    """The name of the table that is read.

    Raises:
        ConfigError: it is not there, or there are several and none is named.
    """
    if key is None and len(known) == 1:
        return known[0]
    if key is None:
        raise ConfigError(f"options.key: {path} holds {len(known)} tables. {nearest('', known)} Name one.")
    if key not in known:
        raise ConfigError(f"options.key: {path} has no table '{key}'. {nearest(key, known)}")
    return key


def no_rows(path: str) -> EmptyFileError:
    """The error of a table without rows."""
    return EmptyFileError(
        f"{path}: the table has 0 rows, at least 1 is expected. Leave the file out, or loosen the cuts that "
        "made it."
    )


def resliced(blocks: Iterator[Columns], step: int) -> Iterator[Columns]:
    """Rows of blocks of any length, in slices of exactly `step` rows but for the last."""
    waiting: list[Columns] = []
    n_waiting = 0
    for block in blocks:
        waiting.append(block)
        n_waiting += len(next(iter(block.values())))
        if n_waiting < step:
            continue
        joined = {name: np.concatenate([part[name] for part in waiting]) for name in block}
        whole = n_waiting - n_waiting % step
        for start in range(0, whole, step):
            yield {name: values[start : start + step] for name, values in joined.items()}
        waiting = [{name: values[whole:] for name, values in joined.items()}]
        n_waiting -= whole
    if n_waiting:
        yield {name: np.concatenate([part[name] for part in waiting]) for name in waiting[0]}
