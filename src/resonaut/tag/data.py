"""Rows for taggers, jets or events: chosen events of datasets, read from a representation chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonaut import manifest, ragged
from resonaut.errors import ConfigError, EmptyFileError, InputError, nearest
from resonaut.manifest import Manifest
from resonaut.seeds import event_hash
from resonaut.store import open_h5
from resonaut.tag.representations import ID, REPRESENTATIONS, columns


@dataclass(frozen=True)
class Jets:
    """Jets with their constituents or features; or events, where the inputs are features of events.

    Attributes:
        flat: (n_values, n_inputs) float32: of each constituent, or the features of each row.
        offsets: (n_jets + 1,) first value of each jet.
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


def read_manifests(
    paths: Mapping[str, Path], wanted: Sequence[str], where: str, kind: str = "clouds"
) -> dict[str, Manifest]:
    """Manifests of one representation of the wanted datasets.

    Raises:
        ConfigError: a dataset has no path.
        InputError: a manifest of another kind or of another dataset.
    """
    found = {}
    for name in wanted:
        if name not in paths:
            raise ConfigError(f"{where}: no {kind} of '{name}' are given. {nearest(name, paths)}")
        found[name] = manifest.read(paths[name], kind)
        if found[name].dataset != name:
            raise InputError(
                f"{paths[name]}: the manifest of '{found[name].dataset}' is given for the dataset '{name}'."
            )
    return found


def read_chunk(
    path: Path, inputs: Sequence[str], dataset: int, events: np.ndarray | None = None, kind: str = "clouds"
) -> tuple[Jets, int]:
    """Jets (or events) of one chunk.

    Args:
        inputs: columns, see `representations`.
        dataset: index to write into `Jets.dataset`.
        events: rows wanted; all if absent.
        kind: representation that the chunk is of.

    Returns:
        The jets, event by event, and the number of jets per event.

    Raises:
        MissingBranchError: a column is absent.
        BadValueError: an input is not finite.
        InputError: offsets do not fit the events.
    """
    with open_h5(path) as file:
        ids = [column[:] for column in columns(file, "events", ID, path)]
        events = np.arange(len(ids[0])) if events is None else events
        n_rows = REPRESENTATIONS[kind].rows_per_event(file, inputs, path)
        flat, offsets = REPRESENTATIONS[kind].read(file, inputs, events, path)
    of_event = np.repeat(events, n_rows)
    return (
        Jets(
            flat,
            offsets,
            np.full(len(of_event), dataset, np.int16),
            np.tile(np.arange(n_rows, dtype=np.int16), len(events)),
            *(column[of_event] for column in ids),
        ),
        n_rows,
    )


def join(parts: Sequence[Jets]) -> Jets:
    """The jets of all parts, one behind the other."""
    names = ("dataset", "index", *ID)
    return Jets(
        np.concatenate([part.flat for part in parts]),
        ragged.offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in names),
    )


def read_class(
    manifests: Mapping[str, Manifest],
    datasets: Sequence[str],
    names: Sequence[str],
    inputs: Sequence[str],
    n_jets_max: int,
    seed: int,
    where: str,
    kind: str = "clouds",
) -> Jets:
    """Jets (or events) of one class: whole events, chosen by their hash where there are too many.

    Args:
        datasets: datasets of this class.
        names: all datasets; `Jets.dataset` is an index into them.
        n_jets_max: jets at most.
        where: key of the configuration, for the messages.
        kind: representation of the manifests.

    Raises:
        EmptyFileError: the class has no jets.
    """
    chunks = [(name, path) for name in datasets for path in manifests[name].chunks]
    hashes, sizes = [], []
    for name, path in chunks:
        with open_h5(path) as file:
            ids = [column[:] for column in columns(file, "events", ID, path)]
            sizes.append(REPRESENTATIONS[kind].rows_per_event(file, inputs, path) if len(ids[0]) else 0)
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
            parts.append(read_chunk(path, inputs, names.index(name), wanted, kind)[0])
    return join(parts)
