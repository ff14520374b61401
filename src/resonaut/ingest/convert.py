"""Files of any known format to the event store, in bounded memory."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from resonaut import registry, store
from resonaut.errors import ConfigError, InputError, MismatchError, MissingBranchError, nearest
from resonaut.filelist import InputFile, is_remote
from resonaut.ingest.batch import Batch, Reader, SourceInfo
from resonaut.ingest.contents import contents_of, find_reader, kind_of, opened
from resonaut.ingest.pileup import PileUp, of_task
from resonaut.ingest.preselect import Counts, Seen, clean, nothing, of_classes, preselect
from resonaut.ingest.settings import IngestTask
from resonaut.ingest.sources import identity, verify
from resonaut.logs import log, progress
from resonaut.provenance import versions, write_run_record
from resonaut.settings import validate
from resonaut.store import StoreWriter

_LEVELS = ("none", "size", "checksum")
_PACKAGES = ("awkward", "coffea", "fastjet", "h5py", "numpy", "uproot")


@dataclass(frozen=True)
class Skipped:
    """A file that was left out.

    Attributes:
        n_events: events that it was said to hold; None where nobody said it.
    """

    path: str
    reason: str
    n_events: int | None


@dataclass
class Ingested:
    """What became of the files of one chunk.

    Attributes:
        level: jets, table or showers.
        flow: the cut flow: generated, read, good, and what is left after each cut of the preselection.
        infos: what each file that was read says of its sample, by path.
        skipped: files that could not be read.
    """

    level: str = "jets"
    counts: Counts = field(default_factory=Counts)
    infos: dict[str, SourceInfo] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def flow(self) -> dict[str, int]:
        """See the class."""
        return {"generated": sum(info.n_generated for info in self.infos.values()), **self.counts.flow}


def convert(
    files: Sequence[str | InputFile],
    output: str | os.PathLike,
    task: IngestTask,
    minimum_bias: Sequence[str] = (),
) -> Ingested:
    """Write the events of `files`, one chunk of a dataset, to an event store.

    Args:
        files: paths or URLs, or entries of a manifest of files, whose sizes and checksums are compared.
        output: the store, HDF5.
        task: dataset, label, reader, cross-section and the settings of the ingestion.
        minimum_bias: files of the events that `task.pileup` adds.

    Returns:
        What became of the events and of the files.

    Raises:
        ConfigError: the options do not fit the reader or the file.
        MissingFileError, UnreachableError, CorruptFileError, EmptyFileError, MissingBranchError,
        BadValueError, MismatchError: an input cannot be used. Nothing is written then.
        OutputError: the store cannot be written.
    """
    done = Ingested()
    seen = Seen()
    pileup = of_task(task, minimum_bias)
    attributes = {"kind": "store", "dataset": task.dataset, "label": task.label or ""}
    if task.reader in registry.names("ingest"):
        done.level = registry.load("ingest", task.reader).LEVEL
    with store.writing(output, attributes) as writer:
        for item in progress(files, f"{output}: files"):
            file = InputFile(item) if isinstance(item, str) else item
            mark, seen_before = writer.mark(), seen.mark()
            try:
                _add_file(file, task, writer, done, seen, pileup)
            except InputError as error:
                if task.on_bad_file == "fail":
                    raise
                writer.rollback(mark)
                seen.rollback(seen_before)
                log.warning("skipped: %s", error)
                done.skipped.append(Skipped(file.path, str(error), file.n_events))
        if not done.infos:
            writer.append(nothing(done.level, task.label is not None))
        writer.set_attributes(_attributes(task, done))
        if pileup is not None:
            writer.set_attributes({"pileup": pileup.described()})
    log.info("%s: %s", output, ", ".join(f"{cut} {count}" for cut, count in done.flow.items()))
    write_run_record(output)
    return done


def _add_file(
    file: InputFile,
    task: IngestTask,
    writer: StoreWriter,
    done: Ingested,
    seen: Seen,
    pileup: PileUp | None,
) -> None:
    """Append the events of one file; `done` changes only when it is read to its end."""
    counts = Counts()
    with _opened(file, task) as (module, reader, handle):
        info = reader.info(handle, file.path)
        if not info.digest:
            info = replace(info, digest=identity(file.path, task.ingest.remote))
        _same_sample(file.path, module.LEVEL, info, done)
        wanted = _wanted(file.path, info, task.classes)
        batches = _batches(module, reader, handle, file, info, task)
        for batch in progress(batches, f"{file.path}: batches of {task.ingest.step_events} events"):
            batch, part = clean(batch, file.path, task.ingest, seen)
            counts.add(part)
            if wanted is not None:
                batch, part = of_classes(batch, wanted)
                counts.add(part)
            for piece in [batch] if pileup is None else pileup.pieces(batch, file.path):
                events, part = preselect(piece, task)
                events.check(file.path)
                writer.append(events, file.path)
                counts.add(part)
    if wanted is None:
        counts.n_generated, counts.sum_weights = _generated(info, counts)
    done.level = module.LEVEL
    done.infos[file.path] = info
    done.counts.add(counts)


@contextlib.contextmanager
def _opened(file: InputFile, task: IngestTask) -> Iterator[tuple[ModuleType, Reader, Any]]:
    """Yield the reader's module, the reader and the open file."""
    remote = task.ingest.remote
    if file.size is not None or file.checksum is not None:
        verify(file, task.verify if file.checksum else min(task.verify, "size", key=_LEVELS.index), remote)
    kind = kind_of(file.path, remote)
    with opened(file.path, kind, remote) as handle:
        contents = contents_of(handle, file.path, kind)
        module = registry.load("ingest", find_reader(contents, task.reader))
        settings = validate(module.Settings, task.options, "options")
        if hasattr(module, "check_file"):
            module.check_file(contents, settings)
        reader = module.build(settings)
        if hasattr(reader, "remote"):
            reader.remote = remote
        yield module, reader, handle


def _batches(
    module: ModuleType, reader: Reader, handle: Any, file: InputFile, info: SourceInfo, task: IngestTask
) -> Iterator[Batch]:
    """The batches of a file, their events named by the file where it does not name them itself."""
    # 60 bits: with few, two of some thousand files would share a number, and their events seem repeated.
    block = int(hashlib.sha256(info.digest.encode()).hexdigest()[:15], 16)
    settings = task.ingest
    for batch in reader.batches(handle, file.path, settings.collection, settings.step_events):
        bare = batch.jets is not None and batch.constituents is None
        if settings.constituents == "required" and (bare or module.LEVEL != "jets"):
            why = getattr(module, "why_no_constituents", str)(file.path) if bare else ""
            raise MissingBranchError(
                f"{file.path}: its jets have no constituents, and 'ingest.constituents' is 'required'. "
                f"{why or 'Take a format that holds candidates, or set it to if_present.'}"
            )
        if not getattr(reader, "numbered", module.NUMBERED):
            batch.events["lumi"] = np.full(len(batch), block, np.int64)
        yield batch


def _same_sample(path: str, level: str, info: SourceInfo, done: Ingested) -> None:
    """Compare what a file says of its sample with the files before.

    Raises:
        MismatchError: other classes, another geometry, or another level.
    """
    for before, known in done.infos.items():
        found, expected = (level, info.label_names), (done.level, known.label_names)
        if found != expected or info.attributes != known.attributes:
            raise MismatchError(
                f"{path}: it holds {found[0]} with the classes {list(found[1])} and {info.attributes}; "
                f"{before} holds {expected[0]} with {list(expected[1])} and {known.attributes}. Make a "
                "dataset of each."
            )
        return


def _generated(info: SourceInfo, counts: Counts) -> tuple[int, float]:
    """Number of events that the events of a file were selected from, and the sum of their weights.

    The share of the events that were read before is taken off: they are in the store once. Where a weight is
    no number, and so the sum of the file is none, it is the sum of the others.
    """
    read_weight = counts.good_weight + counts.repeated_weight
    weight = info.sum_weights if np.isfinite(info.sum_weights) else read_weight
    n_repeated = counts.rejected.get("duplicate", 0)
    if not n_repeated:
        return info.n_generated, weight
    share = counts.repeated_weight / read_weight if read_weight else 1.0
    return round(info.n_generated * (1 - n_repeated / counts.flow["read"])), weight * (1 - share)


def _wanted(path: str, info: SourceInfo, classes: Sequence[str]) -> np.ndarray | None:
    """Indices of the chosen classes; None where all are kept.

    Raises:
        ConfigError: the file knows no such class; the nearest is named.
    """
    if not classes:
        return None
    for name in classes:
        if name not in info.label_names:
            raise ConfigError(f"{path}: classes: no class '{name}'. {nearest(name, info.label_names)}")
    return np.array([info.label_names.index(name) for name in classes])


def _attributes(task: IngestTask, done: Ingested) -> dict[str, Any]:
    infos, names = list(done.infos.values()), _shown(list(done.infos))
    first = infos[0] if infos else SourceInfo(0, 0.0, None, "")
    flow = done.flow
    variable = {"jets": "mjj", "table": "mass"}.get(done.level, "")
    settings = task.model_dump(mode="json", exclude={"pileup"} if task.pileup is None else None)
    attributes: dict[str, Any] = {
        "level": done.level,
        "label_names": [task.label] if task.label is not None else list(first.label_names),
        "resonant_variable": variable,
        "n_events": list(flow.values())[-1],
        "n_generated": done.counts.n_generated,
        "sum_weights": done.counts.sum_weights,
        "cut_flow": flow,
        "rejected": done.counts.rejected,
        "dropped_jets": done.counts.dropped_jets,
        "files": [
            {"path": shown, "identity": info.digest, "n_generated": info.n_generated}
            for shown, info in zip(names, infos, strict=True)
        ],
        "skipped_files": [asdict(item) for item in done.skipped],
        "settings": settings,
        "provenance": {
            "settings": settings,
            "versions": versions(*_PACKAGES),
            "inputs": {shown: info.digest for shown, info in zip(names, infos, strict=True)},
        },
        **first.attributes,
    }
    cross_section = task.cross_section or _cross_section(infos)
    if cross_section is not None:
        attributes["cross_section"] = cross_section
    return attributes


def _shown(paths: Sequence[str]) -> list[str]:
    """Names that files are recorded by: a result does not depend on the folder that local files stand in."""
    names = [path if is_remote(path) else Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)


def _cross_section(infos: Sequence[SourceInfo]) -> float | None:
    """Mean over files of the generator's estimates, each weighted by the events that it is made from."""
    known = [(info.cross_section, info.n_generated) for info in infos if info.cross_section is not None]
    if not known or len(known) < len(infos):
        return None
    values, weights = np.array(known, np.float64).T
    return float(np.average(values, weights=weights)) if weights.sum() else float(values.mean())
