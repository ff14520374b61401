"""Showers of a store as every representation of them wants them: cut, above the threshold, regrouped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from resonaut import shower_files, store
from resonaut.errors import BadValueError, CorruptFileError, MissingBranchError
from resonaut.events import Events
from resonaut.hdf5 import creating
from resonaut.logs import log
from resonaut.provenance import write_run_record
from resonaut.represent.common import write_head
from resonaut.represent.settings import RepresentSettings, ShowerSettings
from resonaut.showers import Showers, merged, regrouped, regrouped_geometry

GEV_PER_MEV = 1e-3

Write = Callable[[Showers], None]
Open = Callable[[h5py.File, dict[str, Any]], Write]


def represent_showers(
    kind: str,
    source: str | os.PathLike,
    output: str | os.PathLike,
    settings: RepresentSettings,
    begin: Open,
) -> dict[str, int]:
    """Write one representation of a store of showers, slice by slice.

    Args:
        kind: showers or features.
        source: the event store.
        output: the file that is written.
        settings: the section `showers` counts.
        begin: called once with the open file and the geometry; what it returns writes one slice.

    Returns:
        The cut flow: that of the store, extended by `represent_energy` and `represent_visible`.

    Raises:
        InputError: the source is no event store.
        MissingBranchError: the store holds no showers, or their incident energies are not known.
        BadValueError: a shower has no cell above the threshold, and 'zero_energy' is 'fail'.
        ConfigError: the cells cannot be regrouped.
        OutputError: the output cannot be written.
    """
    wanted = settings.showers
    with store.Store(source) as events, creating(output, {"kind": kind}) as file:
        geometry = _geometry(events, str(source))
        regroup = wanted.regroup if len(events) else None
        made = geometry if regroup is None else regrouped_geometry(geometry, regroup)
        write = begin(file, made)
        flow: dict[str, int] = {}
        for part in events.slices():
            showers, part_flow = _selected(part, geometry, wanted, str(source))
            flow = {cut: flow.get(cut, 0) + count for cut, count in part_flow.items()}
            write(showers)
        used = {kind: wanted.model_dump(mode="json")}
        after = write_head(file, events, str(source), flow, used, ("h5py", "numpy"))
    *_, n_events = flow.values()
    if flow["read"] and not n_events:
        log.warning(
            "%s: none of %d showers pass represent.showers: %d have an incident energy from %g to %s GeV, "
            "and none of these a cell of at least %g MeV.",
            *(source, flow["read"], flow["energy"], wanted.energy_min, wanted.energy_max, wanted.threshold),
        )
    log.info("%s: %d of %d showers", output, n_events, flow["read"])
    write_run_record(output)
    return after


def _geometry(events: store.Store, source: str) -> dict[str, Any]:
    level = events.attributes.get("level", "jets")
    if level != "showers":
        raise MissingBranchError(f"{source}: it holds {level}, of which no showers are made.")
    if not len(events) and "geometry" not in events.attributes:
        return dict(shower_files.UNKNOWN)
    try:
        return dict(json.loads(events.attributes["geometry"]))
    except (KeyError, ValueError, TypeError):
        raise CorruptFileError(f"{source}: no readable attribute 'geometry'. Run `ingest` again.") from None


def _selected(
    events: Events, geometry: dict[str, Any], wanted: ShowerSettings, source: str
) -> tuple[Showers, dict[str, int]]:
    """The showers of a slice that pass, and the cut flow."""
    flow = {"read": len(events)}
    if len(events) and (wanted.energy_min or wanted.energy_max is not None):
        if "incident_energy" not in events.events:
            raise MissingBranchError(
                f"{source}: no events/incident_energy, which represent.showers.energy_min and energy_max cut "
                "on. Ingest a format that holds it, or leave the cuts out."
            )
        energy = events.events["incident_energy"]
        highest = np.inf if wanted.energy_max is None else wanted.energy_max
        events = events.select((energy >= wanted.energy_min) & (energy <= highest))
    flow["energy"] = len(events)
    hits = events.hits
    showers = merged(
        Showers(geometry, hits["cell"], hits["energy"], events.hit_offsets, events.events, hits.get("time"))
    )
    showers = showers.keep(showers.energy >= np.float32(wanted.threshold * GEV_PER_MEV))
    if wanted.regroup is not None and len(showers):
        showers = regrouped(showers, wanted.regroup)
    filled = np.diff(showers.offsets) > 0
    if not filled.all() and wanted.zero_energy == "fail":
        row = int(np.argmin(filled))
        name = ":".join(str(showers.columns[column][row]) for column in ("run", "lumi", "event"))
        raise BadValueError(
            f"{source}: {int((~filled).sum())} of {len(filled)} showers have no cell of at least "
            f"{wanted.threshold:g} MeV, the first is {name} (run:lumi:event); some visible energy is "
            "expected. Set 'represent.showers.zero_energy' to drop or keep, or lower the threshold."
        )
    if not filled.all() and wanted.zero_energy == "drop":
        showers = showers.select(np.flatnonzero(filled))
    flow["visible"] = len(showers)
    return showers, flow
