"""A dataset is a manifest: its chunks with counts and checksums, its cut flow, sum of weights, cross-section.

Chunks are HDF5 files of one kind (`store`, `features`, `images`, `clouds`) that carry the attributes `kind`,
`dataset`, `label` (empty for data), `n_events`, `sum_weights` (before any selection), `n_generated`,
`cross_section` (pb; absent if unknown) and `cut_flow` (JSON, in the order of the cuts).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import InputError
from resonaut.files import read_json, sha256, write_json
from resonaut.store import open_h5

SCHEMA_VERSION = 1
_REQUIRED = ("kind", "dataset", "label", "n_events", "n_generated", "sum_weights", "cut_flow")


@dataclass(frozen=True)
class Manifest:
    """A dataset in one kind of representation.

    Attributes:
        path: the manifest's own path; chunk paths are relative to its folder.
        chunks: paths of the chunk files.
        n_events: (n_chunks,) rows per chunk.
    """

    path: Path
    kind: str
    dataset: str
    label: str
    chunks: tuple[Path, ...]
    n_events: tuple[int, ...]
    sum_weights: float
    cross_section: float | None
    cut_flow: dict[str, int]


def write(output: str | os.PathLike, files: Sequence[str | os.PathLike]) -> dict[str, Any]:
    """Write the manifest of chunk `files` and return it.

    Raises:
        MissingFileError, CorruptFileError: a chunk cannot be read.
        InputError: a file is no chunk, or the chunks are of different kinds or datasets.
    """
    folder = Path(output).parent
    chunks, flows, cross_sections, heads = [], [], [], set()
    sum_weights = 0.0
    generated = 0
    for path in sorted(map(Path, files)):
        with open_h5(path) as file:
            attributes = dict(file.attrs)
        absent = [name for name in _REQUIRED if name not in attributes]
        if absent:
            raise InputError(
                f"{path}: no chunk of a dataset: the attributes {', '.join(absent)} are absent. Files of "
                "`ingest` or `represent` are expected."
            )
        heads.add((attributes["kind"], attributes["dataset"], attributes["label"]))
        flows.append(json.loads(attributes["cut_flow"]))
        sum_weights += float(attributes["sum_weights"])
        generated += int(attributes["n_generated"])
        if "cross_section" in attributes:
            cross_sections.append((float(attributes["cross_section"]), int(attributes["n_generated"])))
        chunks.append(
            {
                "path": os.path.relpath(path, folder),
                "n_events": int(attributes["n_events"]),
                "sha256": sha256(path),
            }
        )
    if len(heads) != 1:
        raise InputError(f"{output}: chunks of one dataset and one kind are expected, got {sorted(heads)}.")
    kind, dataset, label = heads.pop()
    flow: dict[str, int] = {}
    for part in flows:
        for cut, count in part.items():
            flow[cut] = flow.get(cut, 0) + int(count)
    values = np.array(cross_sections).reshape(-1, 2)
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "dataset": dataset,
        "label": label,
        "n_events": sum(chunk["n_events"] for chunk in chunks),
        "n_generated": generated,
        "sum_weights": sum_weights,
        "cross_section_pb": float(np.average(values[:, 0], weights=values[:, 1])) if len(values) else None,
        "cut_flow": flow,
        "chunks": chunks,
    }
    write_json(output, result)
    return result


def read(path: str | os.PathLike, kind: str | None = None) -> Manifest:
    """Read a manifest.

    Args:
        kind: the kind that is expected, if it matters.

    Raises:
        MissingFileError, InputError: absent, broken or of another kind.
    """
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("schema_version") != SCHEMA_VERSION or "chunks" not in raw:
        raise InputError(f"{path}: a manifest is expected. Write it with `resonaut manifest`.")
    if kind is not None and raw.get("kind") != kind:
        raise InputError(f"{path}: a manifest of '{kind}' is expected, got '{raw.get('kind')}'.")
    folder = Path(path).parent
    return Manifest(
        path=Path(path),
        kind=raw["kind"],
        dataset=raw["dataset"],
        label=raw["label"],
        chunks=tuple(Path(os.path.normpath(folder / chunk["path"])) for chunk in raw["chunks"]),
        n_events=tuple(chunk["n_events"] for chunk in raw["chunks"]),
        sum_weights=raw["sum_weights"],
        cross_section=raw["cross_section_pb"],
        cut_flow=raw["cut_flow"],
    )
