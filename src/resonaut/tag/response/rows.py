"""Rows of a tagger, nominal and varied: files of `tag score`, and what weighs or chooses their rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from resonaut import manifest
from resonaut.errors import (
    BadValueError,
    EmptyFileError,
    InputError,
    MismatchError,
    MissingBranchError,
    nearest,
)
from resonaut.seeds import event_hash
from resonaut.stats.response import Classes, Sample
from resonaut.store import open_h5
from resonaut.tag.response.settings import TaggerOf, VariationOf

ID = ("run", "lumi", "event")
NOMINAL = "nominal"
_MATCHED = "jets/matched"


@dataclass(frozen=True)
class Files:
    """What was given, by `tagger/variation/dataset`.

    Attributes:
        scores: of `tag score`.
        rows: manifests of the representation that was scored, where weights or matched jets are needed.
    """

    scores: Mapping[str, Path]
    rows: Mapping[str, Path]


def read(files: Files, tagger: str, of: TaggerOf, variation: str, change: VariationOf | None) -> Classes:
    """Rows of both classes that no training has seen.

    Args:
        variation: its name, or `nominal`.
        change: what is told of it.

    Raises:
        InputError: a file is missing or of another kind, or its rows are not those of the representation.
        EmptyFileError: a class has no rows.
    """
    seen = {*of.signal, *of.background}
    classes = {}
    for name, datasets in (("signal", of.signal), ("background", of.background)):
        parts = [_read(files, f"{tagger}/{variation}/{one}", of, change, seen, one) for one in datasets]
        columns = [np.concatenate(values) for values in zip(*parts, strict=True)]
        if not len(columns[0]) or not columns[2].sum() > 0:
            raise EmptyFileError(
                f"response of '{tagger}' to '{variation}': no rows of {name} ({', '.join(datasets)}) are "
                "left that no training has seen. Loosen represent.selection, or simulate more events."
            )
        classes[name] = Sample(*columns)
    return Classes(**classes)


def _read(
    files: Files, key: str, of: TaggerOf, change: VariationOf | None, seen: set[str], dataset: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score, key of the event and weight of the rows of one dataset."""
    if key not in files.scores:
        raise InputError(f"--scores: no {key}=FILE is given. {nearest(key, files.scores)}")
    path = files.scores[key]
    with open_h5(path) as file:
        if file.attrs.get("kind") != "tag_scores" or "jets/score" not in file or "events/part" not in file:
            raise InputError(f"{path}: scores of signal against background, of `tag score`, are expected.")
        own, parts = str(file.attrs["dataset"]), json.loads(file.attrs["parts"])
        score, part = file["jets/score"][:], file["events/part"][:]
        ids = [file[f"events/{name}"][:] for name in ID]
    weight = np.ones(score.shape)
    # Of a dataset that was not learnt from, all parts are unseen.
    weight[part != parts.index("test")] = 0 if own in seen else 1
    kept = weight > 0
    if key in files.rows:
        factor, chosen = _of_rows(files.rows[key], path, ids, score.shape, of, change, dataset)
        weight, kept = weight * factor, kept & chosen
    event = np.repeat(event_hash(own, *ids, 0, "response"), score.shape[1]).reshape(score.shape)
    return score[kept].astype(np.float64), event[kept], weight[kept]


def _of_rows(
    path: Path,
    scores: Path,
    ids: list[np.ndarray],
    shape: tuple[int, ...],
    of: TaggerOf,
    change: VariationOf | None,
    dataset: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the rows, and which of them count, both of the shape of the scores."""
    entry = manifest.read(path)
    weights, matched, found = [], [], []
    for chunk, n_events in zip(entry.chunks, entry.n_events, strict=True):
        if not n_events:
            continue
        with open_h5(chunk) as file:
            found.append([file[f"events/{name}"][:] for name in ID])
            weights.append(_weights(file, chunk, of, change, dataset))
            with_truth = of.matched and _MATCHED in file
            matched.append(file[_MATCHED][:] == 1 if with_truth else np.ones((n_events, shape[1]), bool))
    here = [np.concatenate(columns) for columns in zip(*found, strict=True)]
    if len(here) != len(ids) or any(not np.array_equal(a, b) for a, b in zip(here, ids, strict=True)):
        raise MismatchError(f"{scores}: the scores are of other events than {path}. Score again.")
    per_fb = entry.events_per_fb() if of.event_weights else None
    weight = np.concatenate(weights) * (per_fb or 1.0)
    return np.broadcast_to(weight[:, None], shape), np.concatenate(matched)


def _weights(
    file: h5py.File, path: Path, of: TaggerOf, change: VariationOf | None, dataset: str
) -> np.ndarray:
    """(n_events,) weights of the events of a chunk."""
    weight = np.ones(len(file["events/event"]))
    if of.event_weights and "events/gen_weight" in file:
        weight = weight * file["events/gen_weight"][:]
    if change is None or change.column is None or dataset not in change.datasets:
        return weight
    name = f"events/weights/{change.column}"
    if name not in file:
        known = list(file.get("events/weights", {}))
        raise MissingBranchError(
            f"{path}: no {name}, which variations.{change.source} weighs the events by. "
            f"{nearest(change.column, known)} Name the weight where the dataset is simulated "
            "('shower_weights') or ingested ('options.weights'), or list other 'datasets'."
        )
    factor = file[name][:]
    if not np.isfinite(factor).all():
        raise BadValueError(f"{path}: {name} is not finite in row {int(np.argmin(np.isfinite(factor)))}.")
    worst = float(np.abs(factor).max(initial=0))
    if change.largest is not None and worst > change.largest * abs(factor.mean()):
        raise BadValueError(
            f"{path}: {name} is {worst:.3g} in row {int(np.argmax(np.abs(factor)))}, its mean "
            f"{factor.mean():.3g}; at most {change.largest:g} times the mean is expected. Leave such events "
            "out, or set 'largest' of the variation."
        )
    return weight * factor
