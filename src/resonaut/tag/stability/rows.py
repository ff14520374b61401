"""Which rows are learnt from: nested shares of the training rows, and folds; both from hashes of events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resonaut.errors import ConfigError
from resonaut.seeds import event_hash, fold_of
from resonaut.tag.rows.data import Jets
from resonaut.tag.rows.prepare import Prepared

_VALIDATION = 4
"""One event in so many of those that are not in a fold decides when to stop."""


def hashes(jets: Jets, names: Sequence[str], seed: int, purpose: str) -> np.ndarray:
    """A hash of the event of each row, (n_rows,) uint64."""
    found = np.empty(len(jets), np.uint64)
    for number, name in enumerate(names):
        own = jets.dataset == number
        found[own] = event_hash(name, jets.run[own], jets.lumi[own], jets.event[own], seed, purpose)
    return found


def nested(part: np.ndarray, hashed: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Shares of some rows, each a part of the next larger one.

    Args:
        part: (n,) row numbers.
        hashed: (n_rows,) of all rows.
        sizes: numbers of rows, at most n.

    Returns:
        Row numbers in ascending order, for each size; the rows of an event stand together in the order that
        the shares are cut from.
    """
    order = part[np.argsort(hashed[part], kind="stable")]
    return [np.sort(order[:size]) for size in sizes]


def chosen_sizes(wanted: Sequence[int], n_sizes: int, n_rows: int, where: str, tagger: str) -> list[int]:
    """Sizes in ascending order; the last is all rows.

    Raises:
        ConfigError: there are not as many rows, or the smallest share is tiny.
    """
    if wanted:
        if max(wanted) >= n_rows:
            raise ConfigError(
                f"{where}.sizes: {max(wanted)} training rows are asked for, but '{tagger}' learns from "
                f"{n_rows}, which are measured in any case. Name smaller numbers."
            )
        return [*sorted(wanted), n_rows]
    smallest = n_rows >> (n_sizes - 1)
    if smallest < 50:
        raise ConfigError(
            f"{where}.n_sizes: the smallest of {n_sizes} sizes would be {smallest} of {n_rows} training "
            "rows; at least 50 are expected. Ask for fewer sizes, or make more events."
        )
    return [n_rows >> power for power in range(n_sizes - 1, -1, -1)]


def require_classes(part: np.ndarray, rows: Prepared, where: str) -> None:
    """Refuse a share that lacks a class.

    Raises:
        ConfigError: it does.
    """
    counts = np.bincount(rows.group[part], minlength=max(1, len(rows.task.classes)))
    if counts.min() < 2:
        name = (rows.task.classes or ("rows",))[int(counts.argmin())]
        raise ConfigError(
            f"{where}: {len(part)} training rows hold {counts.min()} of '{name}'; two of each class are "
            "expected. Name larger sizes, or fewer folds."
        )


def folds(rows: Prepared, n_folds: int, seed: int) -> list[list[np.ndarray]]:
    """Training, validation and test rows of each fold; every row that is in a part is tested once."""
    if not n_folds:
        return []
    used = np.sort(np.concatenate(rows.parts))
    fold = fold_of(hashes(rows.jets, rows.names, seed, "tag stability folds"), n_folds)
    inner = fold_of(hashes(rows.jets, rows.names, seed, "tag stability validation"), _VALIDATION)
    found = []
    for number in range(n_folds):
        rest = used[fold[used] != number]
        found.append([rest[inner[rest] != 0], rest[inner[rest] == 0], used[fold[used] == number]])
    return found
