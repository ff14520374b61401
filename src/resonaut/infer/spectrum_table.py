"""A table of a binned spectrum as it stands in a file, and what the names of its columns say."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import limits
from resonaut.errors import CorruptFileError


@dataclass(frozen=True)
class Column:
    """A column of numbers of a table.

    Attributes:
        name: with its unit, as in the file.
        values: (n_rows,) NaN where the file has none.
        errors: (n_rows,) standard deviations, the mean of up and down; None where the file has none.
    """

    name: str
    values: np.ndarray
    errors: np.ndarray | None = None


@dataclass(frozen=True)
class Table:
    """A file's table.

    Attributes:
        path: of the file, with the name of the histogram.
        low, high: (n_rows,) edges of the bins, in the unit of `mass`.
        mass: name of the binned variable, with its unit.
        columns: everything else.
        rows: (n_rows) words that name each row.
        sqrt_s: centre-of-mass energy that the file gives, GeV.
        notes: what the reader left out.
    """

    path: str
    low: np.ndarray
    high: np.ndarray
    mass: str
    columns: tuple[Column, ...]
    rows: tuple[str, ...]
    sqrt_s: float | None = None
    notes: tuple[str, ...] = field(default=())


LOW = {"low", "lower", "lo", "min", "xmin", "xlow", "left"}
HIGH = {"high", "upper", "hi", "max", "xmax", "xhigh", "right"}
ERROR = {"err", "error", "errors", "unc", "uncertainty", "stat", "sys", "syst", "up", "down", "plus", "minus"}
_ERROR_SIGN = re.compile(r"[+-]\s*$")
ENERGY = re.compile(r"sqrt\(s\)", re.IGNORECASE)


def words(name: str) -> set[str]:
    """Lower-case words of a column's name: {'mjj', 'low', 'gev'} of 'mjj_low_gev'."""
    return set(re.findall(r"[a-z]+", name.lower()))


def is_error(name: str) -> bool:
    """Whether a column's name is that of an error."""
    return bool(words(name) & ERROR) or bool(_ERROR_SIGN.search(name))


def energy_unit(name: str) -> float | None:
    """GeV per unit of a column, from its name; None where it says nothing."""
    known = {"gev": 1.0, "tev": 1000.0, "mev": 0.001}
    found = [known[word] for word in known if word in words(name)]
    return found[0] if len(found) == 1 else None


def number(text: Any) -> float:
    """A number of a file; NaN for nothing, for '-' and for what is no number."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def read_text(path: Path) -> str:
    """Text of a file in UTF-8.

    Raises:
        CorruptFileError: not such a file.
        InputError: larger than `limits.YAML_BYTES`.
    """
    try:
        return limits.read_text(path, limits.YAML_BYTES).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise CorruptFileError(f"{path}: not a text file. Give CSV, HEPData YAML or a ROOT file.") from None
