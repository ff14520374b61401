"""Files of any known format to the event store, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import ragged, registry, store
from resonaut.events import Columns, Events
from resonaut.ingest.batch import Batch, Reader, SourceInfo
from resonaut.ingest.cluster import cluster
from resonaut.ingest.rootfile import find_reader, open_root
from resonaut.ingest.settings import IngestSettings, IngestTask, JetSettings
from resonaut.logs import log
from resonaut.provenance import versions, write_run_record

_PACKAGES = ("awkward", "fastjet", "h5py", "numpy", "uproot")


def convert(files: Sequence[str], output: str | os.PathLike, task: IngestTask) -> dict[str, int]:
    """Write the events of `files`, one chunk of a dataset, to an event store.

    Args:
        files: ROOT files of one format.
        output: the store, HDF5.
        task: dataset, label, reader, cross-section and the settings of the ingestion.

    Returns:
        The cut flow: generated, read, and what is left after each cut of the preselection.

    Raises:
        MissingFileError, CorruptFileError, EmptyFileError, MissingBranchError, BadValueError: an input
            cannot be used. Nothing is written then.
        OutputError: the store cannot be written.
    """
    infos: list[SourceInfo] = []
    flow: dict[str, int] = {}
    with store.writing(
        output, {"kind": "store", "dataset": task.dataset, "label": task.label or ""}
    ) as writer:
        for path in files:
            for item in _read(path, task):
                if isinstance(item, SourceInfo):
                    infos.append(item)
                    continue
                events, part = preselect(item, task.ingest, labelled=task.label is not None)
                events.check(path)
                writer.append(events)
                flow = {cut: flow.get(cut, 0) + count for cut, count in part.items()}
        flow = {"generated": sum(info.n_generated for info in infos), **flow}
        writer.set_attributes(_attributes(task, files, infos, flow))
    log.info("%s: %s", output, ", ".join(f"{cut} {count}" for cut, count in flow.items()))
    write_run_record(output)
    return flow


def _read(path: str, task: IngestTask) -> Iterator[SourceInfo | Batch]:
    """What the file says of its sample, then its events."""
    with open_root(path) as file:
        name = find_reader(file, path, task.reader)
        reader: Reader = registry.build("ingest", name, {})
        yield reader.info(file, path)
        for batch in reader.batches(file, path, task.ingest.collection, task.ingest.step_events):
            batch.check(path)
            yield batch


def preselect(batch: Batch, settings: IngestSettings, labelled: bool) -> tuple[Events, dict[str, int]]:
    """Cluster one batch where it has no jets, and select its events.

    Returns:
        The events that pass, and the cut flow.
    """
    if batch.jets is not None and batch.constituents is not None:
        jets, constituents = batch.jets, batch.constituents
    else:
        jets, constituents = cluster(batch.particles, settings.jets)
    # Filler of fixed-length formats: a candidate without momentum has no direction.
    constituents = constituents.keep(constituents.columns["pt"] > 0)
    n_events = len(jets.offsets) - 1
    columns = dict(batch.events)
    if labelled:
        columns["label"] = np.zeros(n_events, np.int32)
    gen_jets = batch.gen_jets
    events = Events(
        events=columns,
        jets=_narrow(jets.columns),
        event_offsets=jets.offsets,
        constituents=_narrow(constituents.columns),
        jet_offsets=constituents.offsets,
        gen_jets=_narrow(gen_jets.columns) if gen_jets else {},
        gen_jet_offsets=gen_jets.offsets if gen_jets else np.zeros(1, np.int64),
    )
    events = events.keep_jets(_kept(events, settings.jets))
    # The mass is made from what is stored, so that it can be made again from the store to the last bit.
    selection = settings.preselection
    columns["mass"] = selection.mass(events.jets, events.event_offsets)
    mask, flow = selection.apply(
        events.jets["pt"], events.jets["eta"], events.event_offsets, events.events["mass"]
    )
    named = {cut if cut == "read" else f"ingest_{cut}": count for cut, count in flow.items()}
    return events.select(mask), named


def _kept(events: Events, settings: JetSettings) -> np.ndarray:
    """(n_jets,) mask of the leading jets above the smallest pt."""
    return (ragged.rank(events.event_offsets) < settings.n_max) & (events.jets["pt"] >= settings.pt_min)


def _narrow(columns: Columns) -> Columns:
    """Kinematics in single precision: candidates are measured to three digits, float32 holds seven."""
    return {
        name: values.astype(np.float32) if values.dtype.kind == "f" else values.astype(np.int32)
        for name, values in columns.items()
    }


def _attributes(
    task: IngestTask, files: Sequence[str], infos: Sequence[SourceInfo], flow: dict[str, int]
) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "label_names": [task.label] if task.label is not None else [],
        "resonant_variable": "mjj",
        "n_events": list(flow.values())[-1],
        "n_generated": flow["generated"],
        "sum_weights": sum(info.sum_weights for info in infos),
        "cut_flow": flow,
        "settings": task.model_dump(mode="json"),
        "provenance": {
            "settings": task.model_dump(mode="json"),
            "versions": versions(*_PACKAGES),
            "inputs": {Path(path).name: info.digest for path, info in zip(files, infos, strict=True)},
        },
    }
    cross_section = task.cross_section or _cross_section(infos)
    if cross_section is not None:
        attributes["cross_section"] = cross_section
    return attributes


def _cross_section(infos: Sequence[SourceInfo]) -> float | None:
    """Mean over files of the generator's estimates, each weighted by the events that it is made from."""
    known = [(info.cross_section, info.n_generated) for info in infos if info.cross_section is not None]
    if len(known) < len(infos):
        return None
    values, weights = np.array(known, np.float64).T
    return float(np.average(values, weights=weights)) if weights.sum() else float(values.mean())
