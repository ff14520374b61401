"""Single-jet images for generators, read in slices, chosen by the hashes of their events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import BadValueError, EmptyFileError, InputError, MissingBranchError
from resonaut.manifest import Manifest
from resonaut.nn.splits import part_of
from resonaut.representation import read_settings, require_one_channel
from resonaut.seeds import event_hash
from resonaut.store import open_h5

_SLICE = 2048
_ID = ("run", "lumi", "event")


@dataclass(frozen=True)
class JetImages:
    """Images of single jets.

    Attributes:
        images: (n_jets, P, P) float32.
        part: (n_jets,) int8 index into `resonaut.nn.splits.PARTS`; all jets of an event are in the same.
        half: (n_jets,) 0 or 1, one value per event: which half of the test jets.
        settings: how the images were made (`half_width`, `normalise`, ...).
    """

    images: np.ndarray
    part: np.ndarray
    half: np.ndarray
    settings: dict[str, Any]


def _describe(path: Path) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """Shape of the images of a chunk, and the ids of the events."""
    with open_h5(path) as file:
        for name in ("images", *(f"events/{key}" for key in _ID)):
            if name not in file:
                raise MissingBranchError(f"{path}: no '{name}'; is this a file of images?")
        return file["images"].shape, [file[f"events/{key}"][:] for key in _ID]


def _settings(manifest: Manifest, where: str) -> dict[str, Any]:
    """How the images were made: square, of one channel, and alike in all chunks."""
    settings = read_settings(manifest)
    for key in ("half_width", "normalise"):
        if key not in settings:
            raise InputError(
                f"{manifest.chunks[0]}: its settings name no {key}; run `represent images` again."
            )
    require_one_channel(settings, manifest.path, where)
    for key in ("n_pixels", "half_width"):
        if isinstance(settings.get(key), list):
            raise InputError(
                f"{manifest.path}: images with represent.images.{key} {settings[key]}, but {where} takes "
                "square ones; give one number."
            )
    return settings


def _fill(path: Path, events: np.ndarray, out: np.ndarray) -> None:
    """Read the images of some events (sorted rows) of a chunk into `out`, (n_events, n_jets, P, P)."""
    done = 0
    with open_h5(path) as file:
        dataset = file["images"]
        for start in range(0, len(dataset), _SLICE):
            rows = events[(events >= start) & (events < start + _SLICE)] - start
            if len(rows):
                out[done : done + len(rows)] = dataset[start : start + _SLICE][rows]
                done += len(rows)
    bad = ~((out >= 0) & (out < np.inf))
    if bad.any():
        event, jet, row, column = (int(i) for i in np.argwhere(bad)[0])
        raise BadValueError(
            f"{path}: images[{events[event]}, {jet}, {row}, {column}] is {out[event, jet, row, column]}; "
            "finite values that are not negative are expected. Run `represent images` again."
        )


def read(manifest: Manifest, n_jets_max: int, seed: int, where: str) -> JetImages:
    """Images of the jets of a dataset; whole events, chosen by their hash where there are too many.

    Args:
        manifest: of images.
        n_jets_max: jets at most.
        seed: the study's seed.
        where: key of the configuration, for the messages.

    Raises:
        EmptyFileError: no jets.
        BadValueError: a pixel is negative or not finite.
        InputError: chunks of different shapes or settings, images of several channels or not square.
    """
    settings = _settings(manifest, where)
    chunks = [(path, *_describe(path)) for path in manifest.chunks]
    chunks = [chunk for chunk in chunks if chunk[1][0]]
    if not chunks:
        raise EmptyFileError(
            f"{where}.dataset: '{manifest.dataset}' holds no jets ({manifest.path}). Loosen "
            "represent.selection or make more events."
        )
    shape = chunks[0][1]
    for path, other_shape, _ in chunks[1:]:
        if other_shape[1:] != shape[1:]:
            raise InputError(
                f"{path}: images {other_shape[1:]}, but {chunks[0][0]} holds {shape[1:]}. Run "
                "`represent images` again for all chunks."
            )
    n_jets = shape[1]
    ids = [np.concatenate(column) for column in zip(*(chunk[2] for chunk in chunks), strict=True)]
    owner = np.repeat(np.arange(len(chunks)), [chunk[1][0] for chunk in chunks])
    row = np.concatenate([np.arange(chunk[1][0]) for chunk in chunks])
    order = np.argsort(event_hash(manifest.dataset, *ids, seed, "generate choice"), kind="stable")
    chosen = np.sort(order[: max(1, n_jets_max // n_jets)])
    images = np.empty((len(chosen), *shape[1:]), np.float32)
    for number, chunk in enumerate(chunks):
        own = owner[chosen] == number
        if own.any():
            first = int(np.argmax(own))
            _fill(chunk[0], row[chosen[own]], images[first : first + int(own.sum())])
    ids = [column[chosen] for column in ids]
    split = event_hash(manifest.dataset, *ids, seed, "generate split")
    half = event_hash(manifest.dataset, *ids, seed, "generate halves") & np.uint64(1)
    return JetImages(
        images=images.reshape(-1, *shape[2:]),
        part=np.repeat(part_of(split), n_jets),
        half=np.repeat(half.astype(np.int8), n_jets),
        settings=settings,
    )
