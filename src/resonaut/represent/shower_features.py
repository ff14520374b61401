"""Features of calorimeter showers: what methods that read features learn from, and what showers are told by.

    events/run, lumi, event, gen_weight, label        (n_events,)
    events/incident_energy, theta, phi, ...           what the store knows of the particle; GeV, radian
    events/visible_energy, n_hits, depth, ...         `resonaut.shower_observables.OBSERVABLES`, float32
    events/e_layer_00, e_layer_01, ...                visible energy of each layer, GeV, float32
    events/hits_layer_00, ...                         hits of each layer, int32

Cells are those of `represent showers` with the same settings: above the threshold, regrouped.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut import shower_files
from resonaut.errors import CorruptFileError
from resonaut.events import Columns
from resonaut.files import sha256
from resonaut.hdf5 import creating, open_h5, write_attributes
from resonaut.logs import log
from resonaut.provenance import versions, write_run_record
from resonaut.represent.common import RowWriter
from resonaut.represent.settings import RepresentSettings
from resonaut.represent.shower_rows import Write, represent_showers
from resonaut.shower_observables import layer_energies, layer_hits, observables
from resonaut.showers import Showers


def write_shower_features(
    source: str | os.PathLike, output: str | os.PathLike, settings: RepresentSettings
) -> dict[str, int]:
    """Write the features of the showers of a store (see the module) and return the cut flow.

    Raises:
        InputError, ConfigError, OutputError: see `shower_rows.represent_showers`.
    """

    def begin(file: h5py.File, geometry: dict[str, Any]) -> Write:
        writer = RowWriter(file)

        def write(showers: Showers) -> None:
            columns = {**showers.columns, **shower_features(showers)}
            writer.append({f"events/{name}": values for name, values in columns.items()})

        return write

    return represent_showers("features", source, output, settings, begin)


def write_features_of_drawn(source: str | os.PathLike, output: str | os.PathLike) -> None:
    """Write the features of showers that a generator made, cut and regrouped as those that it learnt.

    Args:
        source: file of `resonaut generate dataset` of the kind showers.
        output: see the module.

    Raises:
        CorruptFileError, OutputError: see the messages.
    """
    with open_h5(source) as file:
        head = {name: file.attrs[name] for name in file.attrs if name not in ("geometry", "kind")}
    try:
        used = {"features": json.loads(head["settings"])["showers"]}
        before = json.loads(head["provenance"])["settings"]
    except (KeyError, ValueError):
        raise CorruptFileError(f"{source}: no settings of showers. Run `generate dataset` again.") from None
    made = {
        "settings": before,
        "versions": versions("h5py", "numpy"),
        "inputs": {Path(source).name: sha256(source)},
    }
    with creating(output, {"kind": "features"}) as file:
        writer = RowWriter(file)
        for showers in shower_files.slices(source):
            columns = {**showers.columns, **shower_features(showers)}
            writer.append({f"events/{name}": values for name, values in columns.items()})
        write_attributes(file, {**head, "settings": used, "provenance": made})
    log.info("%s: features of %d drawn showers", output, int(head["n_events"]))
    write_run_record(output)


def shower_features(showers: Showers) -> Columns:
    """Features of showers, (n_showers,) each: see the module."""
    columns = {name: values.astype(np.float32) for name, values in observables(showers).items()}
    columns["n_hits"] = columns["n_hits"].astype(np.int32)
    columns["max_layer"] = columns["max_layer"].astype(np.int32)
    energies, hits = layer_energies(showers).astype(np.float32), layer_hits(showers).astype(np.int32)
    for number in range(energies.shape[1]):
        columns[f"e_layer_{number:02d}"] = energies[:, number]
    for number in range(hits.shape[1]):
        columns[f"hits_layer_{number:02d}"] = hits[:, number]
    return columns
