"""Rows for taggers, jets or events: chosen events of datasets, read from a representation chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from resonaut import manifest, ragged
from resonaut.errors import ConfigError, EmptyFileError, InputError, nearest
from resonaut.manifest import Manifest
from resonaut.seeds import event_hash
from resonaut.store import open_h5
from resonaut.tag.rows.representations import ID, REPRESENTATIONS, columns, opened
from resonaut.tag.rows.scored import ScoreFiles

KINEMATICS = ("pt", "eta", "mass")
"""Columns of jets that are carried along, where a representation has them."""
MATCHED = "jets/matched"


_COLUMNS = ("dataset", "index", *ID, "row", "weight")


@dataclass(frozen=True)
class Jets:
    """Jets with their constituents or features; or events, where the inputs are features of events.

    Attributes:
        flat: (n_values, n_inputs) float32: of each constituent, or the features of each row.
        offsets: (n_jets + 1,) first value of each jet.
        dataset: (n_jets,) int16 index of the jet's dataset.
        index: (n_jets,) int16 position of the jet in its event, 0 the leading one.
        run, lumi, event: (n_jets,) event ids.
        row: (n_jets,) int64 number of the jet in its chunk.
        weight: (n_jets,) float64, of the jet's event; 1 where weights are not asked for.
        columns: (n_jets,) each: kinematics that the representation has, and what else was asked for.
    """

    flat: np.ndarray
    offsets: np.ndarray
    dataset: np.ndarray
    index: np.ndarray
    run: np.ndarray
    lumi: np.ndarray
    event: np.ndarray
    row: np.ndarray
    weight: np.ndarray
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.dataset)


@dataclass(frozen=True)
class Part:
    """Jets of one chunk.

    Attributes:
        path: of the chunk.
        n_rows: jets of the chunk, those that were not read included.
    """

    jets: Jets
    path: Path
    n_rows: int


@dataclass(frozen=True)
class Wanted:
    """Which rows are read, and what besides the inputs.

    Attributes:
        target: column that is predicted; rows without a value are left out.
        reference: column that is corrected.
        matched: only jets that hold a resonance, of files that say so.
        weights: read the weights of the events.
        hold_out: columns that say which rows are kept out of the training.
    """

    target: str | None = None
    reference: str | None = None
    matched: bool = False
    weights: bool = False
    hold_out: tuple[str, ...] = ()

    def columns(self, file: h5py.File, group: str, path: Path) -> dict[str, h5py.Dataset]:
        """Columns of the group `jets` or `events`: those that are there, and those that must be.

        Raises:
            MissingBranchError: a column is absent.
        """
        needed = [name for name in (self.target, self.reference, *self.hold_out) if name is not None]
        there = file.get(group, {})
        names = [*dict.fromkeys((*(name for name in KINEMATICS if name in there), *needed))]
        return dict(zip(names, columns(file, group, names, path), strict=True)) if names else {}

    def rows(self, file: h5py.File, group: str, shape: tuple[int, int], path: Path) -> np.ndarray:
        """Which rows are read, (n_events, n_rows) bool."""
        kept = np.ones(shape, bool)
        if self.matched and group == "jets" and MATCHED in file:
            kept &= file[MATCHED][:].reshape(shape) == 1
        if self.target is not None:
            found = self.columns(file, group, path)
            kept &= np.isfinite(found[self.target][:].reshape(shape))
            for name in (self.target, self.reference) if self.reference else ():
                # Their ratio's logarithm is what is learnt.
                kept &= found[name][:].reshape(shape) > 0
        return kept


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
    path: Path,
    inputs: Sequence[str],
    dataset: int,
    events: np.ndarray | None = None,
    kind: str = "clouds",
    wanted: Wanted = Wanted(),
    scores: Mapping[str, np.ndarray] | None = None,
    with_values: bool = True,
) -> tuple[Jets, int]:
    """Jets (or events) of one chunk.

    Args:
        inputs: columns, see `representations`.
        dataset: index to write into `Jets.dataset`.
        events: rows of events that are read; all if absent.
        kind: representation that the chunk is of.
        wanted: which of their rows, and what besides the inputs.
        scores: of the chunk, where inputs are scores of taggers (`scored.ScoreFiles`).
        with_values: read the inputs; without, all but `flat` and `offsets` are read.

    Returns:
        The jets, event by event, and the number of jets that each event has in the file.

    Raises:
        MissingBranchError: a column is absent.
        BadValueError: an input is not finite.
        InputError: offsets do not fit the events.
    """
    representation = REPRESENTATIONS[kind]
    with open_h5(path) as chunk:
        file = opened(chunk, path, kind, scores)
        ids = [column[:] for column in columns(file, "events", ID, path)]
        n_events = len(ids[0])
        events = np.arange(n_events) if events is None else events
        n_rows = representation.rows_per_event(file, inputs, path)
        if with_values:
            flat, offsets = representation.read(file, inputs, events, path)
        else:
            flat, offsets = np.zeros((0, len(inputs)), np.float32), np.zeros(len(events) * n_rows + 1, int)
        group = representation.rows(inputs)
        kept = np.flatnonzero(wanted.rows(file, group, (n_events, n_rows), path)[events])
        found = wanted.columns(file, group, path)
        extra = {name: column[:].reshape(n_events, n_rows)[events].ravel() for name, column in found.items()}
        weight = np.ones(n_events)
        if wanted.weights:
            weight = columns(file, "events", ["gen_weight"], path)[0][:].astype(np.float64)
    of_event = np.repeat(events, n_rows)
    jets = Jets(
        flat,
        offsets,
        np.full(len(of_event), dataset, np.int16),
        np.tile(np.arange(n_rows, dtype=np.int16), len(events)),
        *(column[of_event] for column in ids),
        (events[:, None] * n_rows + np.arange(n_rows)).ravel(),
        weight[of_event],
        extra,
    )
    return (jets if len(kept) == len(jets) else take(jets, kept)), n_rows


def take(jets: Jets, rows: np.ndarray) -> Jets:
    """Some of the jets, in the order of `rows`."""
    index, offsets = ragged.take(jets.offsets, rows)
    return Jets(
        jets.flat[index],
        offsets,
        *(getattr(jets, name)[rows] for name in _COLUMNS),
        {name: values[rows] for name, values in jets.columns.items()},
    )


def join(parts: Sequence[Jets]) -> Jets:
    """The jets of all parts, one behind the other, with the columns that all of them have."""
    shared = [name for name in parts[0].columns if all(name in part.columns for part in parts)]
    return Jets(
        np.concatenate([part.flat for part in parts]),
        ragged.offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS),
        {name: np.concatenate([part.columns[name] for part in parts]) for name in shared},
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
    wanted: Wanted = Wanted(),
    scored: ScoreFiles | None = None,
    with_values: bool = True,
) -> list[Part]:
    """Jets (or events) of one class, by chunk: whole events, chosen by their hash where there are too many.

    Args:
        datasets: datasets of this class.
        names: all datasets; `Jets.dataset` is an index into them.
        n_jets_max: jets at most.
        where: key of the configuration, for the messages.
        kind: representation of the manifests.
        wanted: which rows of an event, and what besides the inputs.
        scored: where scores of taggers are among the inputs.
        with_values: read the inputs, see `read_chunk`.

    Raises:
        EmptyFileError: the class has no jets.
        ConfigError: weights are wanted of datasets of which only some have a cross-section.
    """
    chunks, beside = [], []
    for name in datasets:
        first = np.cumsum([0, *manifests[name].n_events])
        for number, path in enumerate(manifests[name].chunks):
            chunks.append((name, path))
            beside.append(scored.of_chunk(name, int(first[number]), path) if scored else {})
    hashes, sizes = [], []
    for (name, path), scores in zip(chunks, beside, strict=True):
        with open_h5(path) as chunk:
            file = opened(chunk, path, kind, scores)
            ids = [column[:] for column in columns(file, "events", ID, path)]
            n_rows = REPRESENTATIONS[kind].rows_per_event(file, inputs, path) if len(ids[0]) else 1
            group = REPRESENTATIONS[kind].rows(inputs)
            sizes.append(wanted.rows(file, group, (len(ids[0]), n_rows), path).sum(axis=1))
        hashes.append(event_hash(name, *ids, seed, "tag choice"))
    owner = np.repeat(np.arange(len(chunks)), [len(part) for part in hashes])
    row = np.concatenate([np.arange(len(part)) for part in hashes]) if hashes else owner
    order = np.argsort(np.concatenate(hashes), kind="stable") if hashes else owner
    size = np.concatenate(sizes)[order] if hashes else order
    order = order[(np.cumsum(size) <= n_jets_max) & (size > 0)]
    if not len(order):
        files = ", ".join(str(manifests[name].path) for name in datasets)
        raise EmptyFileError(
            f"{where}: {', '.join(datasets)} hold no jets ({files}). Loosen represent.selection or make more "
            "events."
        )
    scale = _scales(manifests, datasets, where) if wanted.weights else {}
    parts = []
    for number, (name, path) in enumerate(chunks):
        events = np.sort(row[order[owner[order] == number]])
        if len(events):
            place = (path, inputs, names.index(name), events, kind, wanted, beside[number], with_values)
            part, n_rows = read_chunk(*place)
            part = replace(part, weight=part.weight * scale.get(name, 1.0))
            parts.append(Part(part, path, n_rows * len(hashes[number])))
    return parts


def _scales(manifests: Mapping[str, Manifest], datasets: Sequence[str], where: str) -> dict[str, float]:
    """Events per fb^-1 that a unit of weight stands for; 1 where no dataset has a cross-section."""
    found = {name: manifests[name].events_per_fb() for name in datasets}
    without = [name for name, scale in found.items() if scale is None]
    if without and len(without) < len(found):
        raise ConfigError(
            f"{where}: {', '.join(without)} have no cross-section, the others have: their weights cannot be "
            "compared. Give cross_section for them, or set event_weights: false."
        )
    return {name: scale or 1.0 for name, scale in found.items()}
