"""Figures of two runs, paired by their names."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from resonaut.files import sha256

_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Pair:
    """A figure of two runs; None where a run lacks it.

    Attributes:
        name: its path below `review`, without suffix.
        old, new: the files as data URIs; the second is None too where both are the same bytes.
        same: whether both are the same bytes.
    """

    name: str
    old: str | None
    new: str | None
    same: bool

    @property
    def single(self) -> bool:
        """Whether only one run has it."""
        return not self.same and (self.old is None or self.new is None)


def data_uri(path: Path) -> str:
    """A picture as a `data:` URI, so that a page needs no other file."""
    return f"data:{_TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def pairs(old: Mapping[str, Path], new: Mapping[str, Path]) -> list[Pair]:
    """Pair the figures of two runs by their names, sorted."""
    found = []
    for name in sorted({*old, *new}):
        a, b = old.get(name), new.get(name)
        same = a is not None and b is not None and sha256(a) == sha256(b)
        shown = None if b is None or same else data_uri(b)
        found.append(Pair(name, None if a is None else data_uri(a), shown, same))
    return found
