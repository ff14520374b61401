"""Test rows that several taggers share, found by dataset, event and place in the event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import h5py
import numpy as np

from resonaut.errors import InputError, MismatchError, nearest
from resonaut.store import open_h5

KEYS = ("dataset", "index", "run", "lumi", "event")
"""Columns that name a row, together."""
LEAST_SHARE = 0.5
"""Of the smaller test part, that two taggers of one split share: parts are nested unless rows were lost."""


@dataclass(frozen=True)
class Common:
    """Rows that all taggers have.

    Attributes:
        names: of the taggers.
        score: (n_taggers, n) probability of signal.
        label: (n,) int64, 1 signal, 0 background.
        rows: what a row is, jets or events.
        datasets: "signal" or "background" by dataset.
    """

    names: tuple[str, ...]
    score: np.ndarray
    label: np.ndarray
    rows: str
    datasets: dict[str, str]


@dataclass(frozen=True)
class _Part:
    path: Path
    key: np.ndarray
    score: np.ndarray
    label: np.ndarray
    rows: str
    datasets: dict[str, str]


def _column(file: h5py.File, name: str) -> np.ndarray:
    if f"jets/{name}" not in file:
        known = nearest(name, file.get("jets", ()))
        raise InputError(f"{file.filename}: no 'jets/{name}'. {known} Train the tagger again.")
    return file[f"jets/{name}"][()]


def _read(path: Path) -> _Part:
    with open_h5(path) as file:
        if file.attrs.get("kind") != "tag_scores" or file.attrs.get("part") != "test":
            raise InputError(
                f"{path}: test scores of `tag train` are expected, got kind {file.attrs.get('kind')!r}, "
                f"part {file.attrs.get('part')!r}."
            )
        names = json.loads(file.attrs["datasets"])
        columns = {name: _column(file, name) for name in (*KEYS, "label", "score")}
        rows = str(file.attrs.get("rows", "jets"))
    labels = {name: np.unique(columns["label"][columns["dataset"] == i]) for i, name in enumerate(names)}
    kinds = {name: ("background", "signal")[int(found[0])] for name, found in labels.items() if len(found)}
    # Datasets are numbered by name, so that the numbers of two taggers agree where their datasets do.
    number = np.argsort(np.argsort(names))
    columns["dataset"] = number[columns["dataset"]]
    key = np.stack([columns[name].astype(np.int64) for name in KEYS], 1)
    return _Part(
        path, key, columns["score"], columns["label"].astype(np.int64), rows, dict(sorted(kinds.items()))
    )


def _said(part: _Part) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in part.datasets.items())


def _check(first: _Part, other: _Part) -> None:
    for what, mine, theirs in (
        ("rows", first.rows, other.rows),
        ("datasets", _said(first), _said(other)),
    ):
        if mine != theirs:
            raise MismatchError(
                f"{other.path}: {what} are {theirs}, those of {first.path} are {mine}. "
                "Compare taggers of the same rows and datasets only."
            )


def read(paths: Mapping[str, Path]) -> Common:
    """Scores of all taggers on the rows that all of them have, in the order of the first.

    Args:
        paths: `scores.h5` of each tagger.

    Raises:
        InputError: a file is not scores of test rows.
        MismatchError: other rows, datasets or classes, or hardly a row in common: another split.
    """
    parts = [_read(path) for path in paths.values()]
    for part in parts[1:]:
        _check(parts[0], part)
    chosen = [np.arange(len(part.key)) for part in parts]
    if any(not np.array_equal(parts[0].key, part.key) for part in parts[1:]):
        chosen = _intersection(parts)
    for part, rows in zip(parts, chosen, strict=True):
        smallest = min(len(parts[0].key), len(part.key))
        if len(rows) < LEAST_SHARE * smallest:
            raise MismatchError(
                f"{part.path}: {len(rows)} of {smallest} test {part.rows} are also test {part.rows} of "
                f"{parts[0].path} and all others. The taggers have other splits: train them with one seed "
                "and from one set of events."
            )
    label = parts[0].label[chosen[0]]
    for part, rows in zip(parts[1:], chosen[1:], strict=True):
        if not np.array_equal(part.label[rows], label):
            raise MismatchError(f"{part.path}: other classes of the same {part.rows} than {parts[0].path}.")
    score = np.stack([part.score[rows] for part, rows in zip(parts, chosen, strict=True)])
    return Common(tuple(paths), score, label, parts[0].rows, parts[0].datasets)


def _intersection(parts: list[_Part]) -> list[np.ndarray]:
    """Rows of each part that all parts have, in the order of the first."""
    keys = np.concatenate([part.key for part in parts])
    order = np.lexsort(keys.T)
    is_new = np.ones(len(keys), bool)
    is_new[1:] = (np.diff(keys[order], axis=0) != 0).any(1)
    number = np.empty(len(keys), np.int64)
    number[order] = np.cumsum(is_new)
    numbers = np.split(number, np.cumsum([len(part.key) for part in parts])[:-1])
    shared = reduce(np.intersect1d, numbers)
    rows = []
    for own in numbers:
        values, first = np.unique(own, return_index=True)
        rows.append(first[np.searchsorted(values, shared)])
    of_first = np.argsort(rows[0])
    return [own[of_first] for own in rows]
