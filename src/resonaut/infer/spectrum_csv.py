"""Binned spectra in CSV, HEPData's with several blocks included."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from resonaut.errors import InputError
from resonaut.infer.spectrum_table import (
    ENERGY,
    HIGH,
    LOW,
    Column,
    Table,
    energy_unit,
    is_error,
    number,
    read_text,
    words,
)


def _split(line: str) -> list[str]:
    for separator in (",", ";", "\t"):
        if separator in line:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    return line.split()


def _blocks(path: Path) -> tuple[list[tuple[list[str], list[tuple[int, list[str]]]]], float | None]:
    """Header and (line number, cells) of each block (HEPData writes one per variable), and sqrt(s)."""
    blocks: list[tuple[list[str], list[tuple[int, list[str]]]]] = []
    sqrt_s = None
    fresh = True
    for line_number, line in enumerate(read_text(path).splitlines(), 1):
        if line.startswith("#"):
            if ENERGY.search(line):
                scale = energy_unit(line) or 1.0
                found = [number(cell) for cell in _split(line)[1:]]
                sqrt_s = next((scale * value for value in found if math.isfinite(value)), sqrt_s)
            continue
        cells = _split(line)
        if not any(cells):
            fresh = True
        elif fresh and all(math.isfinite(number(cell)) for cell in cells) and len(cells) == 3:
            blocks.append((["low", "high", "count"], [(line_number, cells)]))
            fresh = False
        elif fresh:
            blocks.append((cells, []))
            fresh = False
        else:
            blocks[-1][1].append((line_number, cells))
    return [block for block in blocks if block[1]], sqrt_s


def _edge(path: Path, header: Sequence[str], wanted: set[str], word: str) -> int:
    found = [place for place, name in enumerate(header) if words(name) & wanted and not is_error(name)]
    if len(found) != 1:
        what = "none" if not found else ", ".join(f"'{header[place]}'" for place in found)
        raise InputError(
            f"{path}: one column with the {word} edges of the bins is expected, found {what} among "
            f"{', '.join(map(repr, header))}. Name it '{word}', for example 'mass_{word}_gev'."
        )
    return found[0]


def read_csv(path: Path) -> Table:
    """Read CSV (also separated by ';', tabs or blanks), HEPData's with several blocks included.

    Three columns without a header are low, high and count.

    Raises:
        InputError: no rows, a row of another length, no edges, or blocks with different bins.
    """
    blocks, sqrt_s = _blocks(path)
    if not blocks:
        raise InputError(
            f"{path}: no rows. A header with low, high and count, and a row per bin is expected."
        )
    edges, columns, mass, labels = np.zeros((0, 2)), [], "", ()
    for header, rows in blocks:
        for line_number, cells in rows:
            if len(cells) != len(header):
                raise InputError(
                    f"{path}: line {line_number} has {len(cells)} cells, the header {len(header)} "
                    f"({', '.join(header)}). Correct the line."
                )
        values = np.array([[number(cell) for cell in cells] for _, cells in rows])
        low, high = _edge(path, header, LOW, "low"), _edge(path, header, HIGH, "high")
        if not len(edges):
            edges, mass = values[:, [low, high]], header[low]
            labels = tuple(f"line {line_number}" for line_number, _ in rows)
        elif not np.array_equal(edges, values[:, [low, high]]):
            raise InputError(f"{path}: its blocks have different bins. Keep the block that is meant.")
        columns += _columns(header, values, {low, high})
    return Table(str(path), edges[:, 0], edges[:, 1], mass, tuple(columns), labels, sqrt_s)


def _columns(header: Sequence[str], values: np.ndarray, edges: set[int]) -> list[Column]:
    """Columns with the errors that follow them."""
    found: list[Column] = []
    squares: list[list[np.ndarray]] = []
    for place, name in enumerate(header):
        if place in edges:
            continue
        if is_error(name) and found:
            squares[-1].append(values[:, place] ** 2)
        else:
            found.append(Column(name, values[:, place]))
            squares.append([])
    return [
        Column(column.name, column.values, np.sqrt(np.mean(own, axis=0)) if own else None)
        for column, own in zip(found, squares, strict=True)
    ]
