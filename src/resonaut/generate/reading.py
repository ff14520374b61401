"""Read what a generator learns: whole events of its datasets, chosen by hash where there are too many."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut import manifest, shower_files
from resonaut.errors import ConfigError, EmptyFileError, InputError, nearest
from resonaut.generate import columns
from resonaut.generate.learnt import Learnt, join
from resonaut.generate.readers import Reader, reader
from resonaut.generate.settings import CLASS, GeneratorSettings
from resonaut.hdf5 import open_h5
from resonaut.manifest import Manifest
from resonaut.nn.splits import PARTS, part_of
from resonaut.representation import read_settings, require_one_channel, require_same
from resonaut.seeds import event_hash


@dataclass(frozen=True)
class _Chunk:
    """A chunk and its events.

    Attributes:
        dataset: index of its dataset.
        ids: run, lumi and event of its events.
        n_rows: rows of each event.
    """

    path: Path
    dataset: int
    ids: list[np.ndarray]
    n_rows: int
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids[0])


def read(
    manifests: Mapping[str, Path],
    settings: GeneratorSettings,
    seed: int,
    where: str,
    parts: Sequence[str] = (),
    *,
    with_values: bool = True,
) -> Learnt:
    """Rows of the datasets of a generator.

    Args:
        manifests: of the representation that it learns, by dataset.
        settings: datasets, inputs, conditions, hold_out, n_rows_max.
        seed: the study's seed.
        where: key of the configuration, for the messages.
        parts: names of `nn.splits.PARTS` that are read; all if empty. Fewer parts take less memory, and are
            the same rows.
        with_values: read what is learnt and not the conditions alone.

    Raises:
        ConfigError: no manifest of a dataset is given.
        EmptyFileError: there are no rows.
        MissingBranchError: a column is absent.
        BadValueError: a value is not finite; a pixel is negative.
        InputError, MismatchError: a file of another kind or dataset, chunks that were made differently.
    """
    kind = settings.representation()
    found = read_manifests(manifests, settings.datasets, kind, where)
    made_with = settings_of(list(found.values()), kind, where)
    rows = reader(kind, settings.columns(), where)
    chunks = [
        chunk
        for number, entry in enumerate(found.values())
        for path in entry.chunks
        if len(chunk := describe(path, number, rows, kind))
    ]
    if not chunks:
        listed = ", ".join(f"'{name}' ({entry.path})" for name, entry in found.items())
        raise EmptyFileError(
            f"{where}.datasets: {listed} holds no rows. Loosen the cuts of represent or make more events."
        )
    _require_alike(chunks, kind)
    if kind == "showers":
        made_with["geometry"] = shower_files.geometry_of(*(chunk.path for chunk in chunks))
    chosen = _chosen(chunks, list(found), settings.n_rows_max, seed)
    made = [
        _of_chunk(chunk, events, rows, settings, made_with, seed, where, parts, with_values)
        for chunk, events in zip(chunks, chosen, strict=True)
        if len(events)
    ]
    return join(made, where)


def read_manifests(
    manifests: Mapping[str, Path], datasets: Sequence[str], kind: str, where: str
) -> dict[str, Manifest]:
    """Manifests of datasets.

    Raises:
        ConfigError: one is not given.
        InputError: one is of another kind or dataset.
    """
    found = {}
    for name in datasets:
        if name not in manifests:
            raise ConfigError(
                f"{where}.datasets: no {kind} of '{name}' are given. {nearest(name, manifests)}"
            )
        found[name] = manifest.read(manifests[name], kind)
        if found[name].dataset != name:
            raise InputError(
                f"{manifests[name]}: the manifest of '{found[name].dataset}' is given for the dataset "
                f"'{name}'."
            )
    return found


def settings_of(sources: Sequence[Manifest | Path], kind: str, where: str) -> dict[str, Any]:
    """How a representation was made, alike in all files; of images square ones of one channel.

    Raises:
        MismatchError: two files were made differently.
        InputError: images that are not square, or of several channels.
    """
    made_with = read_settings(*sources)
    if kind == "images":
        path = getattr(sources[0], "path", sources[0])
        for key in ("half_width", "normalise"):
            if key not in made_with:
                raise InputError(f"{path}: its settings name no {key}; run `represent images` again.")
        require_one_channel(made_with, path, where)
        for key in ("n_pixels", "half_width"):
            if isinstance(made_with.get(key), list):
                raise InputError(
                    f"{path}: images with represent.images.{key} {made_with[key]}, but {where} takes square "
                    "ones; give one number."
                )
    return made_with


def describe(path: Path, dataset: int, rows: Reader, kind: str) -> _Chunk:
    """The events of a chunk.

    Raises:
        MissingBranchError: it is no file of this kind.
    """
    with open_h5(path) as file:
        ids = columns.ids(file, path, kind)
        if not len(ids[0]):
            return _Chunk(path, dataset, ids, 0, ())
        return _Chunk(path, dataset, ids, rows.rows_per_event(file, len(ids[0]), path), rows.shape(file))


def _require_alike(chunks: Sequence[_Chunk], kind: str) -> None:
    first = chunks[0]
    for chunk in chunks[1:]:
        if (chunk.n_rows, chunk.shape) != (first.n_rows, first.shape):
            raise InputError(
                f"{chunk.path}: {kind} of {chunk.n_rows} rows per event {chunk.shape}, but {first.path} has "
                f"{first.n_rows} {first.shape}. Run `represent {kind}` again for all chunks."
            )


def _chosen(
    chunks: Sequence[_Chunk], datasets: Sequence[str], n_rows_max: int, seed: int
) -> list[np.ndarray]:
    """Events of each chunk that are read, (n_events,) rising: those of the lowest hashes."""
    hashes = [event_hash(datasets[c.dataset], *c.ids, seed, "generate choice") for c in chunks]
    together = np.concatenate(hashes)
    kept = np.zeros(len(together), bool)
    kept[np.argsort(together, kind="stable")[: max(1, n_rows_max // chunks[0].n_rows)]] = True
    edges = np.cumsum([len(chunk) for chunk in chunks])[:-1]
    return [np.flatnonzero(part) for part in np.split(kept, edges)]


def _of_chunk(
    chunk: _Chunk,
    events: np.ndarray,
    rows: Reader,
    settings: GeneratorSettings,
    made_with: dict[str, Any],
    seed: int,
    where: str,
    parts: Sequence[str],
    with_values: bool,
) -> Learnt:
    name, n = settings.datasets[chunk.dataset], chunk.n_rows
    part = part_of(event_hash(name, *(c[events] for c in chunk.ids), seed, "generate split"))
    if parts:
        events = events[np.isin(part, [PARTS.index(wanted) for wanted in parts])]
    ids = [column[events] for column in chunk.ids]
    part = part_of(event_hash(name, *ids, seed, "generate split"))
    half = event_hash(name, *ids, seed, "generate halves") & np.uint64(1)
    order = event_hash(name, *ids, seed, "generate order")
    kind = settings.representation()
    with open_h5(chunk.path) as file:
        conditions, names, places = _conditions(file, events, chunk, rows.of_jets, settings, where)
        more = columns.carried(file, events, n, rows.of_jets, every=kind == "showers")
    found = rows.read(chunk.path, events if with_values else events[:0])
    of_rows = dict(zip(columns.ID, (np.repeat(column, n) for column in ids), strict=True))
    of_rows["dataset"] = np.full(len(events) * n, chunk.dataset, np.int16)
    of_rows["index"] = np.tile(np.arange(n, dtype=np.int16), len(events))
    of_rows["order"] = np.repeat(order, n)
    return Learnt(
        *(kind, settings.columns(), found.values, found.offsets, found.cell),
        *(conditions, names, places),
        *(np.repeat(column, n) for column in (part, half.astype(np.int8))),
        *(held_out(conditions, names, settings), made_with, of_rows, settings.datasets, more),
    )


def _conditions(
    file: h5py.File,
    events: np.ndarray,
    chunk: _Chunk,
    of_jets: bool,
    settings: GeneratorSettings,
    where: str,
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Conditions (n_rows, k) float32 of some events, names of their columns, and where they stand."""
    n_rows = len(events) * chunk.n_rows
    found, names, places = [np.zeros((n_rows, 0))], [], []
    for name in settings.conditions:
        if name == CLASS:
            found.append(np.tile(np.arange(len(settings.datasets)) == chunk.dataset, (n_rows, 1)))
            names += [f"{CLASS}_{dataset}" for dataset in settings.datasets]
            places += [""] * len(settings.datasets)
        else:
            of_name = (file, name, events, chunk.n_rows, of_jets, chunk.path)
            found.append(columns.values_of(*of_name, f"{where}.conditions")[:, None])
            names.append(name)
            group, column, jet = columns.place(name, file, chunk.n_rows if of_jets else 0)
            places.append("/".join([group, column, *([] if jet is None else [str(jet)])]))
    return np.concatenate(found, axis=1).astype(np.float32), tuple(names), tuple(places)


def read_samples(path: Path, settings: GeneratorSettings, made_with: Mapping[str, Any], where: str) -> Learnt:
    """Generated rows: all of a file of `generate sample`, as rows of the part `test`.

    Args:
        path: the file.
        settings: of the generator.
        made_with: how the rows that it learnt were made (`Learnt.settings`), which the file must agree with.
        where: key of the configuration, for the messages.

    Returns:
        Rows in the order of the file; those whose conditions are outside of the training have
        `carried["events/extrapolated"]` 1.

    Raises:
        MismatchError: the rows were made for another representation.
        EmptyFileError: there are none.
    """
    kind = settings.representation()
    rows = reader(kind, settings.columns(), where)
    found = settings_of([path], kind, where)
    if kind == "showers":
        found["geometry"] = shower_files.geometry_of(path)
    require_same(found, path, dict(made_with), f"the rows that {where} learnt", kind)
    chunk = describe(path, 0, rows, kind)
    if not len(chunk):
        raise EmptyFileError(f"{path}: no rows.")
    with open_h5(path) as file:
        names = tuple(json.loads(file.attrs.get("condition_names", "[]")))
        n = len(chunk) * chunk.n_rows
        conditions = file["conditions"][:] if names else np.zeros((n, 0), np.float32)
        more = columns.carried(file, np.arange(len(chunk)), chunk.n_rows, rows.of_jets, every=True)
    values = rows.read(path, np.arange(len(chunk)))
    ids = {name: np.repeat(column, chunk.n_rows) for name, column in zip(columns.ID, chunk.ids, strict=True)}
    ids |= {"dataset": np.zeros(n, np.int16), "index": np.tile(np.arange(chunk.n_rows), len(chunk))}
    ids["order"] = np.arange(n, dtype=np.uint64)
    part = np.full(n, PARTS.index("test"), np.int8)
    return Learnt(
        *(kind, settings.columns(), values.values, values.offsets, values.cell, conditions, names),
        *(("",) * len(names), part, (np.arange(n) % 2).astype(np.int8)),
        *(held_out(conditions, names, settings), found, ids, settings.datasets, more),
    )


def held_out(conditions: np.ndarray, names: Sequence[str], settings: GeneratorSettings) -> np.ndarray:
    """Which rows, (n,) bool, `hold_out` keeps out of the training.

    Args:
        conditions: (n, k).
        names: of their columns.
    """
    held = np.zeros(len(conditions), bool)
    for condition, (low, high) in settings.hold_out.items():
        values = conditions[:, names.index(condition)]
        held |= (values >= low) & (values <= high)
    return held
