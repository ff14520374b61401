"""A dataset is a manifest: its chunks with counts and checksums, its cut flow, sum of weights, cross-section.

Chunks are HDF5 files of one kind (`store`, `features`, `images`, `clouds`) that carry the attributes `kind`,
`dataset`, `label` (empty for data), `n_events`, `sum_weights` (before any selection), `n_generated`,
`cross_section` (pb; absent if unknown) and `cut_flow` (JSON, in the order of the cuts). The manifest of
stores says besides what was rejected and why, which files were skipped and what was lost (`losses`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import losses
from resonaut.errors import BadValueError, InputError, MismatchError
from resonaut.files import read_json, sha256, write_json
from resonaut.seeds import event_hash
from resonaut.store import open_h5

SCHEMA_VERSION = 1
_HEAD = ("kind", "dataset", "label")
_REQUIRED = (*_HEAD, "n_events", "n_generated", "sum_weights", "cut_flow")


@dataclass(frozen=True)
class Manifest:
    """A dataset in one kind of representation.

    Attributes:
        path: the manifest's own path; chunk paths are relative to its folder.
        chunks: paths of the chunk files.
        n_events: (n_chunks,) rows per chunk.
        losses: of stores, what was lost with files that could not be read (`losses.of_chunks`).
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
    losses: dict[str, Any] = field(default_factory=dict)

    def events_per_fb(self) -> float | None:
        """Events that a unit of `events/gen_weight` stands for in 1 fb^-1; None without a cross-section."""
        if self.cross_section is None or not self.sum_weights:
            return None
        return 1000.0 * self.cross_section / self.sum_weights


def write(output: str | os.PathLike, files: Sequence[str | os.PathLike]) -> dict[str, Any]:
    """Write the manifest of chunk `files` and return it.

    Raises:
        MissingFileError, CorruptFileError: a chunk cannot be read.
        InputError: a file is no chunk, or the chunks are of different kinds or datasets.
        MismatchError: the chunks have different columns.
        BadValueError: an event stands in two chunks.
    """
    folder = Path(output).parent
    paths = sorted(map(Path, files))
    chunks = [_Chunk.of(path) for path in paths]
    heads = {tuple(chunk.attributes[name] for name in _HEAD) for chunk in chunks}
    if len(heads) != 1:
        raise InputError(f"{output}: chunks of one dataset and one kind are expected, got {sorted(heads)}.")
    kind, dataset, label = heads.pop()
    _same_columns(chunks)
    if kind == "store":
        _once(chunks)
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "dataset": dataset,
        "label": label,
        "n_events": sum(int(chunk.attributes["n_events"]) for chunk in chunks),
        "n_generated": sum(int(chunk.attributes["n_generated"]) for chunk in chunks),
        "sum_weights": sum(float(chunk.attributes["sum_weights"]) for chunk in chunks),
        "cross_section_pb": _cross_section(chunks),
        "cut_flow": _totals(chunks, "cut_flow"),
        "chunks": [
            {
                "path": os.path.relpath(chunk.path, folder),
                "n_events": int(chunk.attributes["n_events"]),
                "sha256": sha256(chunk.path),
            }
            for chunk in chunks
        ],
    }
    if kind == "store":
        result["rejected"] = _totals(chunks, "rejected")
        result["dropped_jets"] = _totals(chunks, "dropped_jets")
        result |= losses.of_chunks([chunk.attributes for chunk in chunks])
    write_json(output, result)
    return result


@dataclass(frozen=True)
class _Chunk:
    path: Path
    attributes: dict[str, Any]
    columns: dict[str, str]

    @classmethod
    def of(cls, path: Path) -> _Chunk:
        columns: dict[str, str] = {}

        def note(name: str, item: Any) -> None:
            if hasattr(item, "dtype"):
                columns[name] = item.dtype.kind

        with open_h5(path) as file:
            attributes = dict(file.attrs)
            file.visititems(note)
        absent = [name for name in _REQUIRED if name not in attributes]
        if absent:
            raise InputError(
                f"{path}: no chunk of a dataset: the attributes {', '.join(absent)} are absent. Files of "
                "`ingest` or `represent` are expected."
            )
        return cls(path, attributes, columns)


def _totals(chunks: Sequence[_Chunk], attribute: str) -> dict[str, int]:
    counts = [json.loads(chunk.attributes.get(attribute, "{}")) for chunk in chunks]
    # A chunk whose files were all skipped has few of the cuts: the order is that of a chunk with all.
    total: dict[str, int] = dict.fromkeys(max(counts, key=len), 0)
    for part in counts:
        for key, count in part.items():
            total[key] = total.get(key, 0) + int(count)
    return total


def _cross_section(chunks: Sequence[_Chunk]) -> float | None:
    """Mean of the chunks', each weighted by the events that it is made from."""
    known = [
        (float(chunk.attributes["cross_section"]), int(chunk.attributes["n_generated"]))
        for chunk in chunks
        if "cross_section" in chunk.attributes
    ]
    values = np.array(known).reshape(-1, 2)
    if not len(values):
        return None
    weights = values[:, 1] if values[:, 1].any() else None
    return float(np.average(values[:, 0], weights=weights))


def _same_columns(chunks: Sequence[_Chunk]) -> None:
    """Refuse chunks of different columns; a chunk without events has only those that every chunk has."""
    filled = [chunk for chunk in chunks if int(chunk.attributes["n_events"])]
    for chunk in filled[1:]:
        first = filled[0].columns
        differ = sorted(chunk.columns.keys() ^ first.keys())
        what = f"only one of them has {', '.join(differ)}"
        if not differ:
            differ = sorted(name for name, kind in chunk.columns.items() if kind != first[name])
            what = f"they hold numbers of different kinds (whole, with fractions) in {', '.join(differ)}"
        if differ:
            raise MismatchError(
                f"{chunk.path} and {filled[0].path} are chunks of one dataset, but {what}. Its files are of "
                "different versions: make a dataset of each."
            )


def _once(chunks: Sequence[_Chunk]) -> None:
    """Refuse events that stand in two chunks, unless the ingestion was told to keep them."""
    settings = json.loads(chunks[0].attributes.get("settings", "{}"))
    if len(chunks) < 2 or settings.get("ingest", {}).get("duplicates") == "keep":
        return
    hashes = []
    for chunk in chunks:
        with open_h5(chunk.path) as file:
            ids = [file[f"events/{name}"][:] for name in ("run", "lumi", "event")]
        hashes.append(event_hash("", *ids, 0, "duplicates"))
    together = np.sort(np.concatenate(hashes))
    twice = together[1:][together[1:] == together[:-1]]
    if len(twice):
        where = [str(c.path) for c, part in zip(chunks, hashes, strict=True) if np.isin(twice[0], part)]
        raise BadValueError(
            f"{len(twice)} events of dataset '{chunks[0].attributes['dataset']}' were read twice, by their "
            f"run, lumi and event numbers; one of them stands in {' and '.join(where)}. Remove files "
            "that are listed twice, or set 'ingest.duplicates: keep' if the numbers mean nothing."
        )


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
        losses={name: raw[name] for name in losses.NAMES if name in raw},
    )
