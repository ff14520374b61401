"""What the three representations share: the same events in the same order, and the same attributes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut import ragged, store
from resonaut.errors import BadValueError, MissingBranchError
from resonaut.events import Columns, Events
from resonaut.files import sha256
from resonaut.kinematics import cartesian, from_cartesian
from resonaut.logs import log, progress
from resonaut.provenance import versions, write_run_record
from resonaut.represent.settings import RepresentSettings
from resonaut.represent.truth import gen_columns
from resonaut.varying import varied

EVENT_COLUMNS = ("run", "lumi", "event", "gen_weight", "label", "n_pu", "mass")
OF_PICTURES = ("n_pixels", "transform", "normalise")
"""Settings of images that hold for pictures too, which are no jets."""
KINEMATICS = ("pt", "eta", "phi", "mass")
JET_COLUMNS = (*KINEMATICS, "energy", "matched", "label", "flavour", "gen_pt", "gen_mass", "gen_energy")
"""Columns of jets that every representation carries, and those that begin with btag_."""
_CARRIED = ("dataset", "label", "label_names", "channels", "n_generated", "sum_weights", "cross_section")
_MADE_OF = {"table": "features", "images": "images"}
_STEP_EVENTS = 4_096
_ROWS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


@dataclass(frozen=True)
class Leading:
    """The leading jets of the selected events, event by event.

    Attributes:
        n_jets: jets per event.
        events: columns of shape (n_events,); `mass` is made from the jets that pass the selection.
        jets: columns of shape (n_events * n_jets,), those of their generator jets among them.
        constituents: columns of shape (n_constituents,), sorted by pt inside a jet; empty where the store has
            none.
        offsets: (n_events * n_jets + 1,) first constituent of each jet.
        features: columns of a table, (n_events,); jets and constituents are empty then.
        images: `pixels` of pictures, (n_events, n_channels, rows, columns); there is no mass then.
    """

    n_jets: int
    events: Columns
    jets: Columns
    constituents: Columns
    offsets: np.ndarray
    features: Columns = field(default_factory=dict)
    images: Columns = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.events["event"])


def select(
    events: Events, settings: RepresentSettings, recompute_mass: bool
) -> tuple[Leading, dict[str, int]]:
    """Apply the selection and keep the leading jets.

    Args:
        events: a slice of a store.
        settings: number of jets and selection.
        recompute_mass: make the mass from the jets that pass the selection (the store's mass is m_jj).

    Returns:
        The leading jets, and the cut flow of the slice.
    """
    selection, none = settings.selection, np.zeros(1, np.int64)
    if not events.jets and "mass" not in events.events:
        return Leading(1, events.events, {}, {}, none, images=events.images), {"read": len(events)}
    if not events.jets:
        mask, flow = selection.apply_mass(events.events["mass"])
        kept = events.select(mask)
        return Leading(settings.n_jets, kept.events, {}, {}, none, kept.features), flow
    good = events.keep_jets(selection.good_jets(events.jets["pt"], events.jets["eta"]))
    if recompute_mass:
        mass = selection.mass(good.jets, good.event_offsets)
        good.events = {**good.events, "mass": mass}
    mask, flow = selection.apply(good.jets["pt"], good.jets["eta"], good.event_offsets, good.events["mass"])
    good = good.select(mask)
    leading = good.keep_jets(ragged.rank(good.event_offsets) < settings.n_jets)
    jets = {**_matched(leading), **leading.jets}
    return Leading(settings.n_jets, leading.events, jets, leading.constituents, leading.jet_offsets), flow


def _matched(events: Events) -> Columns:
    """Columns of the generator jets that belong to the jets, where the store has generator jets."""
    if not set(KINEMATICS) <= set(events.gen_jets):
        return {}
    return gen_columns(events.jets, events.event_offsets, events.gen_jets, events.gen_jet_offsets)


def _complete(leading: Leading) -> Leading:
    """With the mass of the constituents where the store's jets have none, and with the energy."""
    jets = dict(leading.jets)
    if "mass" not in jets:
        momenta = cartesian(*(leading.constituents[name] for name in KINEMATICS))
        jets["mass"] = from_cartesian(*(ragged.sums(part, leading.offsets) for part in momenta))[3]
    jets["energy"] = cartesian(*(jets[name] for name in KINEMATICS))[3]
    return replace(leading, jets=jets)


class RowWriter:
    """Append rows to datasets of an open file: `writer.append({"events/mass": values, ...})`.

    Attributes:
        file: the open file, for datasets and attributes that rows do not make.
    """

    def __init__(self, file: h5py.File) -> None:
        self.file = file
        self._last_offset: dict[str, int] = {}

    def append(self, rows: dict[str, np.ndarray], chunk_rows: int = 16_384) -> None:
        """Append along the first axis; `chunk_rows` rows are compressed together."""
        for path, values in sorted(rows.items()):
            if path not in self.file:
                shape = values.shape[1:]
                self.file.create_dataset(
                    path,
                    dtype=values.dtype,
                    shape=(0, *shape),
                    maxshape=(None, *shape),
                    chunks=(chunk_rows, *shape),
                    **_ROWS,
                )
            dataset = self.file[path]
            start = len(dataset)
            dataset.resize(start + len(values), axis=0)
            dataset[start:] = values

    def append_offsets(self, path: str, offsets: np.ndarray) -> None:
        """Append the (n + 1,) offsets of one slice, that start at 0, to those before."""
        last = self._last_offset.get(path)
        shifted = offsets + (last or 0)
        self._last_offset[path] = int(shifted[-1])
        self.append({path: shifted if last is None else shifted[1:]})


def represent(
    kind: str,
    source: str | os.PathLike,
    output: str | os.PathLike,
    settings: RepresentSettings,
    rows: Callable[[RowWriter, Leading], None],
    packages: tuple[str, ...] = ("h5py", "numpy"),
) -> dict[str, int]:
    """Write one representation of a store, slice by slice.

    Args:
        kind: features, images or clouds.
        source: the event store.
        output: the file that is written.
        settings: the settings of the representations; the section `kind`, the selection and, of a
            `RepresentTask`, the variation count.
        rows: appends the representation of one slice.
        packages: distributions whose versions matter for the numbers.

    Returns:
        The cut flow: that of the store, extended by the selection.

    Raises:
        InputError: the source is no event store.
        MissingBranchError: the store holds no jets, or jets without constituents, or lacks a column that
            the variation needs.
        BadValueError: a jet has no constituents while others have.
        OutputError: the output cannot be written.
    """
    with store.Store(source) as events, store.creating(output, {"kind": kind}) as file:
        _can_be_made(kind, events, str(source))
        used = _used(kind, events, settings)
        recompute = events.attributes.get("resonant_variable") == "mjj"
        variation = getattr(settings, "variation", None)
        flow: dict[str, int] = {}
        writer = RowWriter(file)
        number = math.ceil(len(events) / _STEP_EVENTS)
        for part in progress(events.slices(_STEP_EVENTS), f"{output}: slices of events", number):
            if variation is not None:
                part = varied(part, variation, events.attributes["dataset"], str(source))
            leading, part_flow = select(part, settings, recompute)
            flow = {cut: flow.get(cut, 0) + count for cut, count in part_flow.items()}
            if leading.constituents:
                _check(leading, str(source))
            if leading.constituents or "mass" in leading.jets:
                leading = _complete(leading)
            writer.append(event_rows(leading))
            writer.append({f"events/{name}": values for name, values in leading.features.items()})
            if leading.jets:
                writer.append({f"jets/{name}": values for name, values in jet_columns(leading).items()})
            if leading.jets or events.attributes.get("level") == "images":
                rows(writer, leading)
        after = write_head(file, events, str(source), flow, used, packages)
        n_events = int(file.attrs["n_events"])
    log.info("%s: %d of %d events", output, n_events, flow["read"])
    write_run_record(output)
    return after


def write_head(
    file: h5py.File,
    events: store.Store,
    source: str,
    flow: dict[str, int],
    used: dict[str, Any],
    packages: tuple[str, ...],
) -> dict[str, int]:
    """Write the attributes of every representation.

    Args:
        file: the representation.
        events: the store that it is made from.
        source: the file of the store.
        flow: events that were read, and those left after each cut of the representation, in order.
        used: the settings that make a difference.
        packages: distributions whose versions matter for the numbers.

    Returns:
        The cut flow: that of the store, extended.
    """
    before = json.loads(events.attributes["cut_flow"])
    after = {f"represent_{cut}": count for cut, count in flow.items() if cut != "read"}
    attributes: dict[str, Any] = {
        name: events.attributes[name] for name in _CARRIED if name in events.attributes
    }
    attributes |= {
        "schema_version": store.SCHEMA_VERSION,
        "n_events": list(flow.values())[-1],
        "cut_flow": {**before, **after},
        "settings": used,
        "provenance": {
            "settings": used,
            "versions": versions(*packages),
            "inputs": {Path(source).name: sha256(source)},
        },
    }
    store.write_attributes(file, attributes)
    return {**before, **after}


def _can_be_made(kind: str, events: store.Store, source: str) -> None:
    """Refuse a store that does not hold what a representation is made from.

    Raises:
        MissingBranchError: it holds showers, a table, pictures, or jets without constituents.
    """
    level = events.attributes.get("level", "jets")
    if level != "jets" and _MADE_OF.get(level) != kind:
        raise MissingBranchError(f"{source}: it holds {level}, of which no {kind} are made; jets are needed.")
    if level == "jets" and kind != "features" and "constituents/jet_offsets" not in events:
        raise MissingBranchError(
            f"{source}: the jets have no constituents, which {kind} are made from. Ingest a format that "
            "holds them, or set 'represent: [features]' for the dataset."
        )


def _used(kind: str, events: store.Store, settings: RepresentSettings) -> dict[str, Any]:
    """The settings that make a difference: columns of a table are as they were given, and so are pictures."""
    level = events.attributes.get("level", "jets")
    if level == "table":
        return {"selection": settings.selection.model_dump(mode="json"), kind: {}}
    if level == "images":
        of_pictures = settings.images.model_dump(mode="json", include=set(OF_PICTURES))
        return {kind: {**of_pictures, "channels": json.loads(events.attributes.get("channels", "[]"))}}
    used = settings.model_dump(mode="json", include={"n_jets", "selection", kind, "variation"})
    return {key: value for key, value in used.items() if value is not None}


def _check(leading: Leading, source: str) -> None:
    empty = np.flatnonzero(np.diff(leading.offsets) == 0)
    if len(empty):
        row = int(empty[0]) // leading.n_jets
        name = ":".join(str(leading.events[column][row]) for column in ("run", "lumi", "event"))
        raise BadValueError(
            f"{source}: a jet of event {name} has no constituents; at least one is expected. "
            "Ingest again with a jet collection whose constituents are in the file."
        )


def event_rows(leading: Leading) -> dict[str, np.ndarray]:
    """Columns of events that every representation carries."""
    carried = [name for name in leading.events if name in EVENT_COLUMNS or name.startswith("weights/")]
    rows = {f"events/{name}": leading.events[name] for name in carried}
    return rows


def jet_columns(leading: Leading) -> Columns:
    """Columns of jets that every representation carries, (n_events, n_jets)."""
    shape = (len(leading), leading.n_jets)
    carried = [name for name in leading.jets if name in JET_COLUMNS or name.startswith("btag_")]
    return {name: narrow(leading.jets[name]).reshape(shape) for name in carried}


def narrow(values: np.ndarray) -> np.ndarray:
    """Fractions as float32, whole numbers as int32 or what is smaller."""
    kind = {"f": np.float32, "i": np.int32}.get(values.dtype.kind, values.dtype)
    return values if values.dtype.itemsize <= np.dtype(kind).itemsize else values.astype(kind)
