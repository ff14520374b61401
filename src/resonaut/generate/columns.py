"""Columns of events and jets by the names that a configuration gives them, one value for each row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from resonaut.errors import BadValueError, InputError, MissingBranchError, nearest

ID = ("run", "lumi", "event")
GROUPS = ("events", "jets")
CARRIED = {
    "events": ("mass", "n_pu", "gen_weight"),
    "jets": ("pt", "eta", "phi", "mass", "energy"),
}
"""Columns that go along with images, clouds and features; of showers all go along."""


def names(file: h5py.File, group: str) -> list[str]:
    """Columns of a group; none where it is absent."""
    return sorted(name for name, item in file.get(group, {}).items() if isinstance(item, h5py.Dataset))


def dataset(file: h5py.File, group: str, name: str, path: Path, where: str) -> h5py.Dataset:
    """A column of a file.

    Raises:
        MissingBranchError: it is absent; the nearest is named.
    """
    if group not in file or not isinstance(file.get(f"{group}/{name}"), h5py.Dataset):
        raise MissingBranchError(
            f"{path}: no {group}/{name}, which {where} names. {nearest(name, names(file, group))}"
        )
    return file[f"{group}/{name}"]


def place(text: str, file: h5py.File, n_jets: int) -> tuple[str, str, int | None]:
    """Group, column and number of the jet that a name means.

    `pt` alone is of the jet where a row is one of several jets and the file has it, otherwise of the event.

    Args:
        text: `name`, `events/name`, `jets/name` or `jets/name/0`.
        n_jets: rows of each event.
    """
    group, *rest = text.split("/")
    if rest:
        return group, rest[0], int(rest[1]) if len(rest) > 1 else None
    of_jets = n_jets > 0 and group in names(file, "jets") and group not in names(file, "events")
    return ("jets" if of_jets else "events"), group, None


def values_of(
    file: h5py.File, text: str, events: np.ndarray, n_rows: int, of_jets: bool, path: Path, where: str
) -> np.ndarray:
    """A column of some events, one value for each of their rows.

    Args:
        text: see `place`.
        events: (n_events,) rising rows of the file.
        n_rows: rows (jets) of each event.
        of_jets: whether a row is a jet.
        path: of the file.
        where: key of the configuration, for the messages.

    Returns:
        (n_events * n_rows,) float64.

    Raises:
        MissingBranchError: the column is absent.
        InputError: it has no value for a row.
        BadValueError: a value is not finite.
    """
    group, name, jet = place(text, file, n_rows if of_jets else 0)
    found = dataset(file, group, name, path, where)[:][events].astype(np.float64)
    if jet is not None:
        if found.ndim < 2 or jet >= found.shape[1]:
            stored = found.shape[1] if found.ndim > 1 else 0
            raise MissingBranchError(
                f"{path}: {where} names {text}, but {stored} jets per event are stored, counted from 0. "
                "Raise represent.n_jets."
            )
        found = found[:, jet]
    if found.ndim > 1 and not of_jets:
        raise InputError(
            f"{path}: {where} names {text}, which has a value for each jet, but rows are events. Name one "
            f"jet: jets/{name}/0."
        )
    flat = found.ravel() if found.ndim > 1 else np.repeat(found, n_rows)
    bad = ~np.isfinite(flat)
    if bad.any():
        row = int(events[int(np.argmax(bad)) // n_rows])
        raise BadValueError(
            f"{path}: {group}/{name} is {flat[bad][0]} in event {row}, and {where} names it; finite values "
            "are expected. Choose another column, or run `represent` again."
        )
    return flat


def carried(
    file: h5py.File, events: np.ndarray, n_rows: int, of_jets: bool, every: bool
) -> dict[str, np.ndarray]:
    """Columns that go along with the rows of some events, by `group/name`; (n_events * n_rows,) each.

    Args:
        every: all columns of events but their ids and their weights, as of showers.
    """
    found = {}
    for group in GROUPS if of_jets else GROUPS[:1]:
        there = names(file, group)
        kept = [name for name in there if name not in (*ID, "label")] if every else CARRIED[group]
        for name in kept:
            if name in there:
                values = file[f"{group}/{name}"][:][events]
                flat = values.ravel() if values.ndim > 1 else np.repeat(values, n_rows)
                found[f"{group}/{name}"] = flat
    return found


def ids(file: h5py.File, path: Path, what: str) -> list[np.ndarray]:
    """Run, lumi and event of each event.

    Raises:
        MissingBranchError: one is absent.
    """
    for name in ID:
        if f"events/{name}" not in file:
            raise MissingBranchError(f"{path}: no 'events/{name}'; is this a file of {what}?")
    return [file[f"events/{name}"][:] for name in ID]


def require_finite(flat: np.ndarray, columns: Sequence[str], path: Path) -> None:
    """Refuse values that are not finite.

    Args:
        flat: (n, n_columns).

    Raises:
        BadValueError: names the column.
    """
    bad = ~np.isfinite(flat)
    if bad.any():
        row, number = (int(i) for i in np.argwhere(bad)[0])
        raise BadValueError(
            f"{path}: {columns[number]} is {flat[row, number]}; finite values are expected. Run `ingest` "
            "and `represent` again for this chunk."
        )
