"""The rows that a tagger learns from: read once, split into parts by their events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import ConfigError, TrainingError
from resonaut.logs import log
from resonaut.manifest import Manifest
from resonaut.nn import resume
from resonaut.nn.samples import Samples
from resonaut.nn.splits import PARTS, part_of
from resonaut.nn.streaming import Source, StreamedSamples
from resonaut.provenance import describe
from resonaut.representation import read_settings
from resonaut.seeds import event_hash
from resonaut.store import open_h5
from resonaut.tag.interface import Tagger
from resonaut.tag.robust import rows as robust_rows
from resonaut.tag.robust.rows import Nuisance
from resonaut.tag.rows import data, held_out
from resonaut.tag.rows.data import Jets, Wanted
from resonaut.tag.rows.representations import REPRESENTATIONS
from resonaut.tag.rows.scored import ScoreFiles
from resonaut.tag.rows.streams import SOURCES
from resonaut.tag.settings import TaggerSettings
from resonaut.tag.tasks import Task, task_of

PACKAGES = ("numpy", "torch", "h5py", "safetensors", "scikit-learn")


@dataclass(frozen=True)
class Prepared:
    """Rows of all classes.

    Attributes:
        jets: the rows.
        group: (n_rows,) int16 number of the class; 0 in a regression.
        target: (n_rows,) what the loss compares with.
        place: (n_rows,) number of each row in what `samples` gives.
        parts: row numbers of training, validation and test.
        task, tagger: what is learnt, and by what.
        kind: representation.
        names: datasets; `jets.dataset` is an index into them.
        made_with: settings of the representation.
        provenance: settings, versions and checksums.
        nuisance: which variation each row is of.
        source: where rows are read while they are used; None where they are in memory.
    """

    jets: Jets
    group: np.ndarray
    target: np.ndarray
    place: np.ndarray
    parts: list[np.ndarray]
    task: Task
    tagger: Tagger
    kind: str
    names: list[str]
    made_with: dict[str, Any]
    provenance: dict[str, Any]
    nuisance: Nuisance
    source: Source | None = None

    def samples(self, *columns: np.ndarray) -> Samples:
        """The rows as a sample: in memory, or read from their files while they are used.

        Args:
            columns: (n_rows, ...) that follow the arguments of the network in each batch.
        """
        if self.source is None:
            return REPRESENTATIONS[self.kind].samples(self.jets.flat, self.jets.offsets, *columns)
        complete = []
        for column in columns:
            of_source = np.zeros((len(self.source), *column.shape[1:]), column.dtype)
            of_source[self.place] = column
            complete.append(of_source)
        return StreamedSamples(self.source, *complete)

    def values(self, rows: np.ndarray) -> np.ndarray:
        """Inputs of some rows, (n_values, n_inputs[, ...]): of each constituent, or features, or pixels."""
        if self.source is not None:
            return self.source.read(np.sort(self.place[rows]))[0]
        index, _ = ragged.take(self.jets.offsets, rows)
        return self.jets.flat[index]

    @property
    def digest(self) -> str:
        """Of everything that the rows were made from, for checkpoints."""
        return resume.inputs_of(self.provenance)

    def weights(self, part: int) -> np.ndarray:
        """Weights of the rows of a part in the loss, (n,) float32, with mean 1."""
        rows = self.parts[part]
        return self.task.weights(self.group[rows], self.jets.weight[rows])


def prepare(
    slice_: Mapping[str, Any],
    settings: TaggerSettings,
    tagger: Tagger,
    where: str,
    inputs: Mapping[str, Path],
    threads: int,
    scored: Mapping[str, Path] | None = None,
    also: Sequence[Path] = (),
    varied: Mapping[str, Path] | None = None,
) -> Prepared:
    """Read the rows of a tagger.

    Args:
        slice_: the slice of the configuration, for the seed and the provenance.
        where: key of the configuration, for the messages.
        inputs: manifest of each dataset.
        threads: noted in the provenance.
        scored: files of `tag score` by `tagger/dataset`, where scores of taggers are among the inputs. Rows
            are then learnt from that those taggers did not learn from: three quarters of their validation
            part, the rest decides when to stop.
        also: further files that the result depends on, for the provenance.
        varied: manifests of varied jets that join the training, by `variation/dataset`; None: nominal rows
            alone, for networks that are trained already.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    seed, names, kind = int(slice_["seed"]), settings.datasets_used(), settings.representation()
    manifests = data.read_manifests(inputs, names, where, kind)
    made_with = read_settings(*manifests.values())
    task = task_of(settings)
    choice_of_rows = (settings.target, settings.reference, settings.matched, settings.event_weights)
    robust = settings.robust
    against = () if robust is None or robust.against is None else (robust.against,)
    wanted = Wanted(*choice_of_rows, hold_out=(*settings.hold_out, *against))
    taggers = settings.taggers_used()
    beside = ScoreFiles(scored or {}, taggers, f"{where}.inputs")
    if settings.matched:
        _require_matched(manifests.values(), REPRESENTATIONS[kind].rows(tagger.inputs), where)
    parts: list[data.Part] = []
    numbers, changed = [], []
    variations = () if robust is None or varied is None else robust.variations
    for index, variation in enumerate((None, *variations)):
        of_rows = manifests
        if variation is not None:
            paths = robust_rows.of_variation(varied, variation, names, where)
            of_rows = data.read_manifests(paths, names, where, kind)
        for number, (key, datasets) in enumerate(settings.by_class.items()):
            told = f"{where}.classes.{key}" if settings.task == "classes" else f"{where}.{key}"
            choice = (of_rows, sorted(datasets), names, tagger.inputs, settings.n_jets_max, seed)
            own = data.read_class(*choice, told, kind, wanted, beside, not settings.stream)
            parts += own
            numbers += [np.int16(number)] * len(own)
            changed += [index] * len(own)
    n_rows = [len(part.jets) for part in parts]
    group = np.repeat(numbers, n_rows)
    sigma = np.array([0.0, *(slice_["sigma"][name] for name in variations)], np.float32)
    nuisance = Nuisance(np.repeat(changed, n_rows), np.repeat(sigma[changed], n_rows))
    jets = data.join([part.jets for part in parts])
    place, source = np.arange(len(jets)), None
    if settings.stream:
        place, source = _streamed(parts, kind, tagger.inputs)
    of_jets = parts_of_jets(jets, names, seed)
    if taggers:
        of_jets = combined_parts(of_jets, jets, names, seed)
    of_jets = held_out.without(of_jets, jets.columns, settings.hold_out)
    of_jets = robust_rows.parts(of_jets, nuisance)
    if robust is not None and robust.method == "parametrised":
        jets = robust_rows.with_value(jets, np.where(of_jets == 2, robust.at, nuisance.value))
    rows = _parts(of_jets, group, task.classes, where)
    counts = np.bincount(group, minlength=len(settings.by_class))
    text = ", ".join(f"{n} of {key}" for key, n in zip(settings.by_class, counts, strict=True))
    log.info("%s: %s", where, text)
    read = [manifests[name].path for name in names]
    files = [*read, *(scored or {}).values(), *(varied or {}).values(), *also]
    provenance = describe(dict(slice_), files, PACKAGES)
    provenance["threads"] = threads
    return Prepared(
        *(jets, group, task.target(jets, group), place, rows, task, tagger, kind, names, made_with),
        *(provenance, nuisance, source),
    )


def _streamed(parts: Sequence[data.Part], kind: str, inputs: Sequence[str]) -> tuple[np.ndarray, Source]:
    """Number of each jet among all rows of its files, (n_jets,), and the reader of those rows."""
    counts = [part.n_rows for part in parts]
    first = np.cumsum([0, *counts[:-1]])
    place = np.concatenate([start + part.jets.row for start, part in zip(first, parts, strict=True)])
    return place, SOURCES[kind]([part.path for part in parts], counts, inputs)


def _require_matched(manifests: Sequence[Manifest], rows: str, where: str) -> None:
    """Raises ConfigError where no jet can be matched."""
    if rows != "jets":
        raise ConfigError(f"{where}.matched: the rows are events; it is a choice of jets. Remove it.")
    for entry in manifests:
        for path in entry.chunks[:1]:
            with open_h5(path) as file:
                if data.MATCHED in file:
                    return
    raise ConfigError(
        f"{where}.matched: no dataset has {data.MATCHED}, which comes from simulated resonances. Remove the "
        "key, or simulate, ingest and represent the datasets again."
    )


def parts_of_jets(jets: Jets, names: Sequence[str], seed: int) -> np.ndarray:
    """Part of each jet, (n_jets,) int8; all jets of an event are in the same."""
    part = np.empty(len(jets), np.int8)
    for number, name in enumerate(names):
        own = jets.dataset == number
        hashes = event_hash(name, jets.run[own], jets.lumi[own], jets.event[own], seed, "tag split")
        part[own] = part_of(hashes)
    return part


def combined_parts(part: np.ndarray, jets: Jets, names: Sequence[str], seed: int) -> np.ndarray:
    """Parts for a tagger of scores, (n_jets,) int8; -1 for jets that the others learnt from."""
    again = np.full(len(part), -1, np.int8)
    for number, name in enumerate(names):
        own = np.flatnonzero(jets.dataset == number)
        hashes = event_hash(name, jets.run[own], jets.lumi[own], jets.event[own], seed, "tag combination")
        # Training and validation of the usual split, 60 and 20 % of it, are three quarters and one quarter.
        usual = np.minimum(part_of((hashes.astype(np.float64) * 0.8).astype(np.uint64)), 1)
        again[own] = np.where(part[own] == 1, usual, again[own])
    return np.where(part == 2, part, again)


def _parts(part: np.ndarray, group: np.ndarray, classes: Sequence[str], where: str) -> list[np.ndarray]:
    rows = []
    for number, name in enumerate(PARTS):
        rows.append(np.flatnonzero(part == number))
        for value, kind in enumerate(classes or ("",)):
            if not (group[rows[-1]] == value).any():
                raise TrainingError(
                    f"{where}: the {name} part holds no {kind} jets ({int((group == value).sum())} in all "
                    "parts). Make more events or loosen represent.selection.".replace("  ", " ")
                )
    return rows
