"""Branches of an ntuple as flat values with offsets, level by level: event, jet, constituent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError


@dataclass(frozen=True)
class Nested:
    """Values of one branch.

    Attributes:
        name: of the branch, for messages.
        values: (n_values,) numbers.
        levels: offsets of each level of lists, the outermost first; none for one value per event.
        padded: whether lists are of one length, so that zeros may fill them.
    """

    name: str
    values: np.ndarray
    levels: tuple[np.ndarray, ...]
    padded: bool


def nested(name: str, arrays: Sequence[Any]) -> Nested:
    """Flatten the awkward array of a branch, or join those of several branches: the first, second, ... jet.

    Raises:
        BadValueError: it does not hold numbers.
    """
    import awkward as ak

    array = (
        arrays[0] if len(arrays) == 1 else ak.concatenate([part[:, np.newaxis] for part in arrays], axis=1)
    )
    if array.fields:
        raise BadValueError(
            f"the branch '{name}' holds {len(array.fields)} fields ({', '.join(array.fields[:4])}); name one "
            "of its branches, with a path"
        )
    padded = len(arrays) > 1
    levels = []
    while array.ndim > 1:
        padded |= isinstance(array.type.content, ak.types.RegularType)
        levels.append(ragged.offsets_of(np.asarray(ak.num(array), np.int64)))
        array = ak.flatten(array)
    values = np.asarray(array)
    if values.dtype.kind not in "biuf":
        raise BadValueError(f"the branch '{name}' does not hold numbers ({array.type})")
    if values.dtype.kind == "f" and values.dtype.itemsize < 4:
        values = values.astype(np.float32)
    return Nested(name, values, tuple(levels), padded)


def same_shape(path: str, branches: Sequence[Nested], start: int) -> None:
    """Compare the numbers of values of branches that describe the same objects.

    Raises:
        BadValueError: they differ; the first such entry is named.
    """
    first = branches[0]
    for branch in branches[1:]:
        if len(branch.levels) != len(first.levels):
            raise BadValueError(
                f"{path}: '{branch.name}' has {len(branch.levels)} levels of lists, '{first.name}' has "
                f"{len(first.levels)}. Columns of one kind of object must have one value per object."
            )
        for level, (mine, others) in enumerate(zip(branch.levels, first.levels, strict=True)):
            _same_counts(path, (branch.name, mine), (first.name, others), start, first.levels[:level])


def _same_counts(
    path: str,
    mine: tuple[str, np.ndarray],
    others: tuple[str, np.ndarray],
    start: int,
    outer: Sequence[np.ndarray],
) -> None:
    if np.array_equal(mine[1], others[1]):
        return
    counts = np.diff(mine[1]), np.diff(others[1])
    row = int(np.argmax(counts[0] != counts[1]))
    entry = row
    for offsets in reversed(outer):
        entry = int(np.searchsorted(offsets, entry, side="right")) - 1
    raise BadValueError(
        f"{path}: '{mine[0]}' has {counts[0][row]} values in entry {start + entry}, '{others[0]}' has "
        f"{counts[1][row]}. Columns of one kind of object must have one value per object."
    )
