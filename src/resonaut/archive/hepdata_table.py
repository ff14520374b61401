"""A table of a HEPData submission before it is written: columns with units, errors and qualifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NO_VALUE = "-"
"""What HEPData shows where a table has no value."""

Qualifier = tuple[str, float | str, str]
"""Name, value and units of what all values of a column share."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: as a reader sees it.
        values: numbers, texts, None where there is no value, or (low, high) of bins.
        units: of the values; empty where they have none.
        independent: whether the others depend on it.
        errors: by label; a number, or (minus, plus), for each value. None where there is none.
        qualifiers: what all values share.
    """

    name: str
    values: Sequence[Any]
    units: str = ""
    independent: bool = False
    errors: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    qualifiers: Sequence[Qualifier] = ()

    @property
    def binned(self) -> bool:
        """Whether the values are bins."""
        return len(self.values) > 0 and isinstance(self.values[0], tuple)


@dataclass(frozen=True)
class Content:
    """A table.

    Attributes:
        name: at most 64 characters, see `names`.
        description: what a reader should know.
        source: the result that it was made from, for "location".
        columns: of equal length.
        observables: keywords of HEPData, for example `SIG`.
    """

    name: str
    description: str
    source: str
    columns: Sequence[Column]
    observables: Sequence[str]


def table_name(words: str, taken: set[str]) -> str:
    """A name that is none of `taken`, to which it is added: letters, digits, `._-` and spaces, 64 at most.

    HEPData makes the name of a file of it.
    """
    name = "".join(sign if sign.isalnum() or sign in "._- " else " " for sign in words)
    name = " ".join(name.split())
    found, number = name[:64].rstrip(), 1
    while found.lower() in taken:
        number += 1
        suffix = f" {number}"
        found = name[: 64 - len(suffix)].rstrip() + suffix
    taken.add(found.lower())
    return found
