"""Jets for taggers: chosen events of datasets, read from clouds chunk by chunk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut import manifest, ragged
from resonaut.errors import (
    BadValueError,
    ConfigError,
    EmptyFileError,
    InputError,
    MissingBranchError,
    nearest,
)
from resonaut.manifest import Manifest
from resonaut.seeds import event_hash
from resonaut.store import open_h5

ID = ("run", "lumi", "event")


@dataclass(frozen=True)
class Jets:
    """Jets with their constituents.

    Attributes:
        flat: (n_constituents, n_inputs) float32.
        offsets: (n_jets + 1,) first constituent of each jet.
        dataset: (n_jets,) int16 index of the jet's dataset.
        index: (n_jets,) int16 position of the jet in its event, 0 the leading one.
        run, lumi, event: (n_jets,) event ids.
    """

    flat: np.ndarray
    offsets: np.ndarray
    dataset: np.ndarray
    index: np.ndarray
    run: np.ndarray
    lumi: np.ndarray
    event: np.ndarray

    def __len__(self) -> int:
        return len(self.dataset)


def read_manifests(paths: Mapping[str, Path], wanted: Sequence[str], where: str) -> dict[str, Manifest]:
    """Manifests of clouds of the wanted datasets.

    Raises:
        ConfigError: a dataset has no path.
        InputError: a manifest of another kind or of another dataset.
    """
    found = {}
    for name in wanted:
        if name not in paths:
            raise ConfigError(f"{where}: no clouds of '{name}' are given. {nearest(name, paths)}")
        found[name] = manifest.read(paths[name], "clouds")
        if found[name].dataset != name:
            raise InputError(
                f"{paths[name]}: the manifest of '{found[name].dataset}' is given for the dataset '{name}'."
            )
    return found


def representation(manifests: Mapping[str, Manifest]) -> Any:
    """How the clouds were made: their settings, which must be the same in all chunks.

    Only the section `clouds` counts where the settings have one: another selection gives other jets, but
    the inputs mean the same.

    Raises:
        InputError: two chunks were made differently.
    """
    first: tuple[Path, Any] | None = None
    for entry in manifests.values():
        for path in entry.chunks:
            with open_h5(path) as file:
                text = file.attrs.get("settings", "null")
            settings = json.loads(text)
            if isinstance(settings, dict):
                settings = settings.get("clouds", settings)
            if first is None:
                first = path, settings
            elif settings != first[1]:
                raise InputError(
                    f"{path}: made with {settings}, but {first[0]} with {first[1]}. Run `represent clouds` "
                    "with the same settings for all datasets."
                )
    return None if first is None else first[1]


def _items(file: h5py.File, group: str, names: Sequence[str], path: Path) -> list[h5py.Dataset]:
    if group not in file:
        raise MissingBranchError(f"{path}: no group '{group}'; is this a file of clouds?")
    for name in names:
        if name not in file[group]:
            raise MissingBranchError(f"{path}: no {group}/{name}. {nearest(name, file[group])}")
    return [file[f"{group}/{name}"] for name in names]


def _n_jets(offsets: np.ndarray, n_events: int, path: Path) -> int:
    """Jets per event of a chunk."""
    n_jets, rest = divmod(len(offsets) - 1, max(1, n_events))
    if rest:
        raise InputError(
            f"{path}: {len(offsets) - 1} jets do not fit {n_events} events; run `represent clouds` again."
        )
    return n_jets


def read_chunk(
    path: Path, inputs: Sequence[str], dataset: int, events: np.ndarray | None = None
) -> tuple[Jets, int]:
    """Jets of one chunk of clouds.

    Args:
        inputs: columns of the constituents.
        dataset: index to write into `Jets.dataset`.
        events: rows wanted; all if absent.

    Returns:
        The jets, event by event, and the number of jets per event.

    Raises:
        MissingBranchError: a column is absent.
        BadValueError: an input is not finite.
        InputError: offsets do not fit the events.
    """
    with open_h5(path) as file:
        ids = [column[:] for column in _items(file, "events", ID, path)]
        offsets = file["offsets"][:].astype(np.int64)
        n_jets = _n_jets(offsets, len(ids[0]), path)
        events = np.arange(len(ids[0])) if events is None else events
        rows = (events[:, None] * n_jets + np.arange(n_jets)).ravel()
        take, own_offsets = ragged.take(offsets, rows)
        flat = np.empty((len(take), len(inputs)), np.float32)
        for number, column in enumerate(_items(file, "constituents", inputs, path)):
            flat[:, number] = column[:][take]
    bad = ~np.isfinite(flat)
    if bad.any():
        row, number = (int(i) for i in np.argwhere(bad)[0])
        raise BadValueError(
            f"{path}: constituents/{inputs[number]} is {flat[row, number]} in row {take[row]}; finite values "
            "are expected. Run `ingest` and `represent` again for this chunk."
        )
    of_event = np.repeat(events, n_jets)
    return (
        Jets(
            flat,
            own_offsets,
            np.full(len(rows), dataset, np.int16),
            np.tile(np.arange(n_jets, dtype=np.int16), len(events)),
            *(column[of_event] for column in ids),
        ),
        n_jets,
    )


def join(parts: Sequence[Jets]) -> Jets:
    """The jets of all parts, one behind the other."""
    columns = ("dataset", "index", *ID)
    return Jets(
        np.concatenate([part.flat for part in parts]),
        ragged.offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in columns),
    )


def read_class(
    manifests: Mapping[str, Manifest],
    datasets: Sequence[str],
    names: Sequence[str],
    inputs: Sequence[str],
    n_jets_max: int,
    seed: int,
    where: str,
) -> Jets:
    """Jets of one class: whole events, chosen by their hash where there are too many.

    Args:
        datasets: datasets of this class.
        names: all datasets; `Jets.dataset` is an index into them.
        n_jets_max: jets at most.
        where: key of the configuration, for the messages.

    Raises:
        EmptyFileError: the class has no jets.
    """
    chunks = [(name, path) for name in datasets for path in manifests[name].chunks]
    hashes, sizes = [], []
    for name, path in chunks:
        with open_h5(path) as file:
            ids = [column[:] for column in _items(file, "events", ID, path)]
            sizes.append(_n_jets(file["offsets"], len(ids[0]), path))
        hashes.append(event_hash(name, *ids, seed, "tag choice"))
    owner = np.repeat(np.arange(len(chunks)), [len(part) for part in hashes])
    row = np.concatenate([np.arange(len(part)) for part in hashes]) if hashes else owner
    order = np.argsort(np.concatenate(hashes), kind="stable") if hashes else owner
    order = order[np.cumsum(np.array(sizes, np.int64)[owner[order]]) <= n_jets_max]
    if not len(order):
        files = ", ".join(str(manifests[name].path) for name in datasets)
        raise EmptyFileError(
            f"{where}: {', '.join(datasets)} hold no jets ({files}). Loosen represent.selection or make more "
            "events."
        )
    parts = []
    for number, (name, path) in enumerate(chunks):
        wanted = np.sort(row[order[owner[order] == number]])
        if len(wanted):
            parts.append(read_chunk(path, inputs, names.index(name), wanted)[0])
    return join(parts)
