"""A mixture: which events a search looks at, as row indices into representations, not as copies.

Rows are in the order of a hash, so that the order tells nothing about where an event comes from. A mixture of
pseudo-experiments holds several of them one after the other, with `offsets`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut.errors import EmptyFileError, InputError
from resonaut.manifest import Manifest
from resonaut.seeds import event_hash
from resonaut.store import SCHEMA_VERSION, creating, open_h5

_BLOCK_ROWS = 1024
_ID = ("run", "lumi", "event")
_COLUMNS = ("dataset", "chunk", "row", "split_hash")


@dataclass(frozen=True)
class Mixture:
    """Rows of a mixture.

    Attributes:
        name: name of the mixture.
        datasets: names of its datasets.
        labels: truth class of each dataset; empty for data.
        dataset: (n_events,) index into `datasets`.
        chunk: (n_events,) index into that dataset's chunks.
        row: (n_events,) row in that chunk.
        split_hash: (n_events,) uint64 hash of dataset, event id and the study's seed, for folds.
        offsets: (P + 1,) where the events of each pseudo-experiment begin and end; None for data.
        family: `<mixture>:<name>` of the pseudo-experiments.
        first: index of the first of them among all of its family.
    """

    name: str
    datasets: tuple[str, ...]
    labels: tuple[str, ...]
    dataset: np.ndarray
    chunk: np.ndarray
    row: np.ndarray
    split_hash: np.ndarray
    offsets: np.ndarray | None = None
    family: str = ""
    first: int = 0

    def __len__(self) -> int:
        return len(self.row)

    def experiments(self) -> Iterator[Mixture]:
        """The pseudo-experiments, named by their index in the family; a mixture of data is its only one."""
        if self.offsets is None:
            yield self
            return
        for number, (start, stop) in enumerate(zip(self.offsets[:-1], self.offsets[1:], strict=True)):
            columns = {column: getattr(self, column)[start:stop] for column in _COLUMNS}
            name = f"{self.family}:{self.first + number}"
            yield replace(self, name=name, offsets=None, family="", first=0, **columns)

    def take(self, rows: np.ndarray) -> Mixture:
        """Some events of a mixture of data, in the order of `rows` (indices)."""
        return replace(self, **{column: getattr(self, column)[rows] for column in _COLUMNS})


def draw(
    name: str, manifests: Mapping[str, Manifest], counts: Mapping[str, int | str], seed: int, draw_seed: int
) -> Mixture:
    """Draw a mixture from features manifests.

    Args:
        name: name of the mixture.
        manifests: features manifest of each dataset.
        counts: events wanted of each dataset, or "all".
        seed: the study's seed (splits).
        draw_seed: the mixture's seed (which events).

    Raises:
        InputError: a dataset has fewer events than wanted.
        EmptyFileError: there is no event at all.
    """
    datasets = sorted(counts)
    columns: list[tuple[np.ndarray, ...]] = []
    for index, dataset in enumerate(datasets):
        chunks, rows, splits, order = [], [], [], []
        for number, path in enumerate(manifests[dataset].chunks):
            with open_h5(path) as file:
                ids = [file[f"events/{key}"][:] for key in _ID]
            rows.append(np.arange(len(ids[0])))
            chunks.append(np.full(len(ids[0]), number))
            splits.append(event_hash(dataset, *ids, seed, "split"))
            order.append(event_hash(dataset, *ids, seed, f"mixture {draw_seed}"))
        table = [np.concatenate(column) for column in (chunks, rows, splits, order)]
        wanted = counts[dataset]
        if wanted != "all":
            available = len(table[0])
            if int(wanted) > available:
                raise InputError(
                    f"mixtures.{name}.datasets.{dataset}: {wanted} events are wanted, {available} pass the "
                    f"selection ({manifests[dataset].path}). Ask for fewer or make more."
                )
            chosen = np.argsort(table[3], kind="stable")[: int(wanted)]
            table = [column[chosen] for column in table]
        columns.append((np.full(len(table[0]), index), *table))
    dataset_index, chunk, row, split, order = (np.concatenate(c) for c in zip(*columns, strict=True))
    if not len(order):
        raise EmptyFileError(
            f"mixtures.{name}: no event of {', '.join(datasets)} passes the selection; at least 1 is "
            "expected. Loosen 'represent.selection', or make more events."
        )
    by_hash = np.argsort(order, kind="stable")
    return Mixture(
        name=name,
        datasets=tuple(datasets),
        labels=tuple(manifests[dataset].label for dataset in datasets),
        dataset=dataset_index[by_hash].astype(np.int16),
        chunk=chunk[by_hash].astype(np.int32),
        row=row[by_hash].astype(np.int64),
        split_hash=split[by_hash],
    )


def as_pseudo_experiments(mixture: Mixture, offsets: np.ndarray, family: str, first: int) -> Mixture:
    """The events of a mixture as pseudo-experiments `first`, first + 1, ... of a family.

    Args:
        mixture: their events, one after the other.
        offsets: (P + 1,) where each begins and ends.
        family: `<mixture>:<name>`.
        first: index of the first.
    """
    return replace(mixture, offsets=np.asarray(offsets, np.int64), family=family, first=first)


def write(path: str | os.PathLike, mixture: Mixture, provenance: dict[str, Any]) -> None:
    """Write a mixture to HDF5, pseudo-experiments with `offsets` (P + 1,) and `n_experiments`."""
    attributes = {
        "kind": "mixture",
        "schema_version": SCHEMA_VERSION,
        "name": mixture.name,
        "n_events": len(mixture),
        "datasets": mixture.datasets,
        "labels": mixture.labels,
        "provenance": provenance,
    }
    if mixture.offsets is not None:
        attributes |= {
            "n_experiments": len(mixture.offsets) - 1,
            "family": mixture.family,
            "first_experiment": mixture.first,
        }
    with creating(path, attributes) as file:
        for column in _COLUMNS:
            values = getattr(mixture, column)
            packed = {"compression": "gzip", "shuffle": True} if len(values) else {}
            file.create_dataset(column, data=values, **packed)
        if mixture.offsets is not None:
            file.create_dataset("offsets", data=mixture.offsets)


def read(path: str | os.PathLike) -> Mixture:
    """Read a mixture.

    Raises:
        MissingFileError, InputError: absent, broken or of another kind.
    """
    with open_h5(path) as file:
        kind = file.attrs.get("kind")
        if kind != "mixture":
            raise InputError(f"{path}: a mixture is expected, got kind '{kind}'. Run `represent mix` first.")
        return Mixture(
            name=file.attrs["name"],
            datasets=tuple(json.loads(file.attrs["datasets"])),
            labels=tuple(json.loads(file.attrs["labels"])),
            **{column: file[column][:] for column in _COLUMNS},
            **_pseudo(file),
        )


def _pseudo(file: h5py.File) -> dict[str, Any]:
    if "offsets" not in file:
        return {}
    first = int(file.attrs["first_experiment"])
    return {"offsets": file["offsets"][:], "family": str(file.attrs["family"]), "first": first}


def gather(
    mixture: Mixture, manifests: Mapping[str, Manifest], paths: Sequence[str]
) -> dict[str, np.ndarray]:
    """Read the mixture's rows of HDF5 datasets, in the mixture's order.

    Args:
        mixture: which rows.
        manifests: manifest of each dataset, all of one kind.
        paths: HDF5 paths with one row per event, for example "events/mass" or "images".

    Returns:
        For each path an array of shape (n_events, ...).

    Raises:
        InputError: a path is absent.
    """
    out: dict[str, np.ndarray] = {}
    for index, name in enumerate(mixture.datasets):
        for number, chunk_path in enumerate(manifests[name].chunks):
            where = np.flatnonzero((mixture.dataset == index) & (mixture.chunk == number))
            if not len(where):
                continue
            with open_h5(chunk_path) as file:
                for path in paths:
                    _gather_one(out, path, file, chunk_path, where, mixture)
    return out


def _gather_one(
    out: dict[str, np.ndarray], path: str, file: h5py.File, chunk: Path, where: np.ndarray, mixture: Mixture
) -> None:
    if path not in file:
        group = path.rsplit("/", 1)[0]
        present = sorted(file[group]) if "/" in path and group in file else sorted(file)
        raise InputError(f"{chunk}: no '{path}'; it holds {', '.join(present)}.")
    values = file[path]
    if path not in out:
        out[path] = np.empty((len(mixture), *values.shape[1:]), values.dtype)
    order = np.argsort(mixture.row[where])
    where = where[order]
    rows = mixture.row[where]
    # Blocks of whole chunks of HDF5: no more than one block of a large representation is in memory.
    block = values.chunks[0] * max(1, _BLOCK_ROWS // values.chunks[0]) if values.chunks else _BLOCK_ROWS
    for start in range(0, len(values), block):
        first, last = np.searchsorted(rows, (start, start + block))
        if first < last:
            out[path][where[first:last]] = values[start : start + block][rows[first:last] - start]
