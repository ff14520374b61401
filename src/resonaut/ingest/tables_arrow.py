"""Tables in CSV and Parquet files, read with Arrow by blocks of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from resonaut.errors import BadValueError
from resonaut.events import Columns
from resonaut.ingest.rootfile import reading
from resonaut.ingest.tables import named, no_key, no_rows, resliced, unnamed_only

_CSV, _PARQUET = "CSV file", "Parquet file"
_DELIMITERS = (",", ";", "\t")
_LINE_MAX = 2**20
_BLOCK_BYTES = 2**22
_NO_NUMBER = re.compile(r"In CSV column #(\d+): .*invalid value '(.*)'", re.DOTALL)


class CsvTable:
    """See `tables.Table`. An empty cell is NaN.

    The first row names the columns. Where it holds numbers, the last of the comments before it (lines that
    start with `#`) does, if it has as many words, or else `options.columns`.
    """

    def __init__(self, file: Any, path: str, key: str | None, columns: Sequence[str]) -> None:
        no_key(path, key)
        self.path = path
        self._file = file
        with reading(path, _CSV):
            comments, first = _head(file)
        if not first:
            raise no_rows(path)
        self._delimiter = _delimiter(first)
        cells = self._cells(first)
        comment = self._cells(comments[-1].lstrip("#").strip()) if comments else []
        self._n_skipped = len(comments)
        if not all(map(_is_number, cells)):
            unnamed_only(path, columns, cells)
            self.names = tuple(cells)
            self._n_skipped += 1
        elif not columns and len(comment) == len(cells):
            self.names = tuple(comment)
        else:
            self.names = named(path, len(cells), columns)

    def _cells(self, line: str) -> list[str]:
        return [cell.strip().strip('"') for cell in line.split(self._delimiter)]

    def slices(self, columns: Sequence[str], step: int) -> Iterator[Columns]:
        """See `tables.Table`."""
        yield from resliced(self._blocks(columns), step)

    def _blocks(self, columns: Sequence[str]) -> Iterator[Columns]:
        import pyarrow
        from pyarrow import csv

        self._file.seek(0)
        read = csv.ReadOptions(
            use_threads=False,
            block_size=_BLOCK_BYTES,
            skip_rows=self._n_skipped,
            column_names=list(self.names),
        )
        types = dict.fromkeys(columns, pyarrow.float64())
        convert = csv.ConvertOptions(column_types=types, include_columns=list(columns))
        n_rows, blocks = 0, None
        while True:
            with reading(self.path, _CSV):
                try:
                    if blocks is None:
                        parse = csv.ParseOptions(delimiter=self._delimiter)
                        blocks = csv.open_csv(self._file, read, parse, convert)
                    block = next(blocks, None)
                except pyarrow.ArrowInvalid as error:
                    raise self._named(error) from None
                if block is None:
                    break
                found = {name: block.column(name).to_numpy(zero_copy_only=False) for name in columns}
            n_rows += block.num_rows
            yield found
        if n_rows == 0:
            raise no_rows(self.path)

    def _named(self, error: Exception) -> Exception:
        """The error of a cell that holds no number, by the name of its column."""
        if str(error) == "Empty CSV file":
            return no_rows(self.path)
        cell = _NO_NUMBER.search(str(error))
        if cell is None:
            return error
        name = self.names[int(cell[1])]
        return BadValueError(
            f"{self.path}: the column '{name}' holds '{cell[2]}', numbers are expected. Leave it out with "
            "'options.features', or give each text a number."
        )


class ParquetTable:
    """See `tables.Table`. A null is NaN."""

    def __init__(self, file: Any, path: str, key: str | None, columns: Sequence[str]) -> None:
        from pyarrow import parquet

        no_key(path, key)
        self.path = path
        with reading(path, _PARQUET):
            self._file = parquet.ParquetFile(file)
            self._schema = self._file.schema_arrow
            n_rows = self._file.metadata.num_rows
        self.names = tuple(self._schema.names)
        unnamed_only(path, columns, self.names)
        if n_rows == 0:
            raise no_rows(path)

    def slices(self, columns: Sequence[str], step: int) -> Iterator[Columns]:
        """See `tables.Table`."""
        from pyarrow import types

        for name in columns:
            kind = self._schema.field(name).type
            if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
                raise BadValueError(
                    f"{self.path}: the column '{name}' holds {kind}, numbers are expected. Leave it out with "
                    "'options.features', or give each value a number."
                )
        yield from resliced(self._blocks(columns, step), step)

    def _blocks(self, columns: Sequence[str], step: int) -> Iterator[Columns]:
        with reading(self.path, _PARQUET):
            blocks = self._file.iter_batches(step, columns=list(columns), use_threads=False)
        while True:
            with reading(self.path, _PARQUET):
                block = next(blocks, None)
                if block is None:
                    return
                found = {name: block.column(name).to_numpy(zero_copy_only=False) for name in columns}
            if block.num_rows:
                yield {name: _no_objects(values) for name, values in found.items()}


def _no_objects(values: np.ndarray) -> np.ndarray:
    """Truth values with nulls come as objects."""
    return values.astype(np.float64) if values.dtype.kind == "O" else values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == ""
    return True


def _delimiter(line: str) -> str:
    """The most frequent delimiter of a line; blanks, which names may contain, where there is no other."""
    signs = [sign for sign in _DELIMITERS if sign in line]
    return max(signs, key=line.count, default=" ")


def _head(file: Any) -> tuple[list[str], str]:
    """Comments at the start of a text file, and the line after them."""
    file.seek(0)
    comments: list[str] = []
    while True:
        raw = file.readline(_LINE_MAX)
        if len(raw) == _LINE_MAX:
            raise ValueError("a line is longer than 1 MiB")
        line = raw.decode("utf-8-sig" if not comments else "utf-8").strip("\r\n")
        if not line.startswith("#"):
            return comments, line.strip()
        comments.append(line)
