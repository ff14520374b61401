"""Test rows of a tagger with known observables beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError, EmptyFileError, InputError, MismatchError, nearest
from resonaut.manifest import Manifest
from resonaut.nn.samples import Batch, Samples, batches_of_rows
from resonaut.nn.splits import part_of
from resonaut.representation import read_settings, require_same
from resonaut.seeds import event_hash
from resonaut.store import open_h5
from resonaut.tag.explain.settings import ExplainSettings
from resonaut.tag.feature_settings import of_every_jet
from resonaut.tag.networks import Trained
from resonaut.tag.rows import data
from resonaut.tag.rows.data import Jets, Wanted
from resonaut.tag.rows.representations import ID, REPRESENTATIONS, columns

_TEST = 2
BATCH = 256
_SAME = ("run", "lumi", "event", "index")


@dataclass(frozen=True)
class Rows:
    """Test rows of all classes.

    Attributes:
        trained: the tagger.
        jets: the rows, with their inputs.
        group: (n,) number of the class.
        classes: names of the classes, by number; `datasets` of a regression.
        target: number of the class whose log odds are explained; None of a regression.
        observables: (n,) each, float64, by name.
        where: key of the configuration.
        seed: of the study.
    """

    trained: Trained
    jets: Jets
    group: np.ndarray
    classes: tuple[str, ...]
    target: int | None
    observables: dict[str, np.ndarray]
    where: str
    seed: int

    def __len__(self) -> int:
        return len(self.group)

    @property
    def kind(self) -> str:
        """Representation."""
        return self.trained.settings.representation()

    @property
    def label(self) -> np.ndarray:
        """(n,) bool: of the class that is explained."""
        return self.group == self.target

    def samples(self) -> Samples:
        """Whose batches are the arguments of the network."""
        return REPRESENTATIONS[self.kind].samples(self.jets.flat, self.jets.offsets)

    def batches(self, size: int = BATCH) -> list[tuple[np.ndarray, Batch]]:
        """Row numbers and arguments of the network, batch by batch."""
        samples = self.samples()
        made = batches_of_rows(np.arange(len(self)), samples.lengths, size)
        return [(rows.numpy(), samples.take(rows)) for rows in made]

    def scores(self) -> list[nn.Module]:
        """What is explained of each network, see `Score`."""
        return [Score(network, self.trained.task.name, self.target) for network in self.trained.networks]

    def score(self) -> np.ndarray:
        """(n,) log odds (or prediction), the mean over the networks, float64."""
        found = np.zeros(len(self))
        for network in self.scores():
            with torch.no_grad():
                for rows, batch in self.batches():
                    found[rows] += network(*batch.values).double().numpy()
        return found / len(self.trained.networks)


class Score(nn.Module):
    """The number of each row that is explained: log odds of a class against all others, or a prediction.

    Args:
        network: of a tagger.
        task: binary, classes or regression.
        target: number of the class.
    """

    def __init__(self, network: nn.Module, task: str, target: int | None) -> None:
        super().__init__()
        self.network, self.task, self.target = network, task, target

    def forward(self, *values: Tensor) -> Tensor:
        """(n,), from the arguments of the network."""
        found = self.network(*values)
        if self.task != "classes":
            return found
        others = [number for number in range(found.shape[1]) if number != self.target]
        return found[:, self.target] - found[:, others].logsumexp(dim=1)


def read(
    trained: Trained,
    inputs: Mapping[str, Path],
    observables: Mapping[str, Path],
    settings: ExplainSettings,
    where: str,
    seed: int,
    weights: Path,
) -> Rows:
    """Read test rows: of each class those of the smallest hashes, at most `n_jets`.

    Args:
        inputs: manifest of each dataset, of what the tagger reads.
        observables: manifest of the features of each dataset, where observables are wanted.
        where: key of the configuration, for the messages.
        weights: of the tagger, for the messages.

    Raises:
        ConfigError, InputError, MismatchError, EmptyFileError: see the messages.
    """
    own, kind = trained.settings, trained.settings.representation()
    if own.taggers_used():
        raise InputError(
            f"{weights}: the inputs of '{trained.description['method']}' are scores of "
            f"{', '.join(own.taggers_used())}; name a tagger that reads a representation alone."
        )
    target = _target(trained, settings, where)
    names = own.datasets_used()
    manifests = data.read_manifests(inputs, names, where, kind)
    for entry in manifests.values():
        made = read_settings(entry)
        require_same(made, entry.path, trained.description["representation"], weights, kind, trained=True)
    _same_rows(trained, settings, where)
    features = data.read_manifests(observables, names, where, "features") if settings.observables else {}
    wanted = Wanted(own.target, own.reference, own.matched)
    split = int(trained.description["seed"])
    parts, beside, group = [], [], []
    for number, (key, datasets) in enumerate(own.by_class.items()):
        made = [
            part
            for name in sorted(datasets)
            for part in _of_dataset(
                *(manifests[name], features.get(name), names.index(name), trained, settings, wanted, split)
            )
        ]
        jets = data.join([part for part, _ in made]) if made else None
        if jets is None or not len(jets):
            raise EmptyFileError(
                f"{where}: no test rows of {key}. Make more events, or loosen represent.selection."
            )
        rows = np.sort(np.argsort(_order(jets, names, split), kind="stable")[: settings.n_jets])
        parts.append(data.take(jets, rows))
        beside.append(np.concatenate([values for _, values in made])[rows])
        group.append(np.full(len(rows), number))
    table = np.concatenate(beside).astype(np.float64)
    return Rows(
        *(trained, data.join(parts), np.concatenate(group), trained.task.classes or ("datasets",), target),
        dict(zip(settings.observables, table.T, strict=True)),
        *(where, seed),
    )


def _target(trained: Trained, settings: ExplainSettings, where: str) -> int | None:
    """Number of the class whose log odds are explained."""
    classes = trained.task.classes
    if trained.task.name == "binary" and settings.of_class in (None, "signal"):
        return 1
    if settings.of_class is None and trained.task.name == "regression":
        return None
    if settings.of_class not in classes or trained.task.name == "binary":
        allowed = "signal" if trained.task.name == "binary" else ", ".join(classes) or "none, of a regression"
        raise ConfigError(
            f"{where}.of_class: '{settings.of_class}' is no class whose log odds '"
            f"{trained.description['method']}' gives; {allowed} is expected. "
            f"{nearest(str(settings.of_class), classes)}"
        )
    return classes.index(settings.of_class)


def _same_rows(trained: Trained, settings: ExplainSettings, where: str) -> None:
    """Raises ConfigError where observables are of events and rows are jets, or the other way."""
    rows = REPRESENTATIONS[trained.settings.representation()].rows(trained.tagger.inputs)
    found = "jets" if of_every_jet(settings.observables) else "events"
    if settings.observables and found != rows:
        form = "jets/name" if rows == "jets" else "name or jets/name/0"
        raise ConfigError(
            f"{where}.observables: they are of {found}, but the rows of '{trained.description['method']}' "
            f"are {rows}; {form} is expected."
        )


def _of_dataset(
    entry: Manifest,
    features: Manifest | None,
    number: int,
    trained: Trained,
    settings: ExplainSettings,
    wanted: Wanted,
    seed: int,
) -> list[tuple[Jets, np.ndarray]]:
    """Test rows of each chunk of a dataset that has any, and their observables (n, n_observables)."""
    kind, inputs = trained.settings.representation(), trained.tagger.inputs
    chosen = _chosen(entry, settings.n_jets, seed)
    made = []
    for place, (path, events) in enumerate(zip(entry.chunks, chosen, strict=True)):
        if not len(events):
            continue
        part, _ = data.read_chunk(path, inputs, number, events, kind, wanted)
        table = np.zeros((len(part), 0))
        if features is not None:
            if place >= len(features.chunks):
                raise MismatchError(
                    f"{features.path}: fewer chunks than {entry.path}. Run `represent` again."
                )
            own = (features.chunks[place], settings.observables, number, events, "features", wanted)
            found, _ = data.read_chunk(*own)
            if not all(np.array_equal(getattr(found, name), getattr(part, name)) for name in _SAME):
                raise MismatchError(
                    f"{features.chunks[place]}: the features are of other events than {path}. Make both with "
                    "the same represent.selection."
                )
            table = found.flat
        made.append((part, table))
    return made


def _chosen(entry: Manifest, n_wanted: int, seed: int) -> list[np.ndarray]:
    """Rows of test events of each chunk, twice as many as wanted, since some may hold no wanted jet."""
    hashes, rows = [], []
    for path in entry.chunks:
        with open_h5(path) as file:
            ids = [column[:] for column in columns(file, "events", ID, path)]
        test = np.flatnonzero(part_of(event_hash(entry.dataset, *ids, seed, "tag split")) == _TEST)
        rows.append(test)
        hashes.append(event_hash(entry.dataset, *(column[test] for column in ids), seed, "explain choice"))
    every = np.sort(np.concatenate(hashes)) if hashes else np.zeros(0, np.uint64)
    limit = every[min(2 * n_wanted, len(every)) - 1] if len(every) else np.uint64(0)
    return [own[found <= limit] for own, found in zip(rows, hashes, strict=True)]


def _order(jets: Jets, names: list[str], seed: int) -> np.ndarray:
    hashes = np.empty(len(jets), np.uint64)
    for number, name in enumerate(names):
        own = jets.dataset == number
        ids = (getattr(jets, column)[own] for column in ID)
        hashes[own] = event_hash(name, *ids, seed, "explain choice")
    return hashes
