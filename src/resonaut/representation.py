"""How images, clouds and features were made. What is learnt from one representation holds for no other.

Every chunk says in its attribute `settings` how it was made. Chunks that are read together must be made
alike, and a network refuses inputs that were made otherwise than those it was trained on: the description of
its weights holds what `read_settings` returned.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from resonaut.errors import CorruptFileError, InputError, MismatchError
from resonaut.hdf5 import open_h5
from resonaut.manifest import Manifest

Settings = dict[str, Any]


def read_settings(*sources: Manifest | str | os.PathLike) -> Settings:
    """How representations were made, which must be the same for all chunks.

    Args:
        sources: manifests, or paths of chunks.

    Returns:
        The settings of their kind (the section `images`, `clouds` or `features` of the configuration) and
        `n_jets`, JSON values sorted by key; empty where the chunks do not say. The selection is left out: it
        gives other jets, but the inputs mean the same. Chunks without events count only where all are;
        the columns of a table are as they were given, and have no settings.

    Raises:
        MismatchError: two chunks were made differently.
        InputError: a chunk cannot be read.
    """
    chunks = [(path, *_of_chunk(path)) for path in _chunks(sources)]
    filled = [chunk for chunk in chunks if chunk[2]] or chunks[:1]
    for path, kind, _, settings in filled:
        require_same(settings, path, filled[0][3], filled[0][0], kind)
    return filled[0][3] if filled else {}


def require_same(
    found: Settings, source: Any, expected: Settings, reference: Any, kind: str, *, trained: bool = False
) -> None:
    """Refuse a representation that was made otherwise than another one.

    Args:
        found: how what is read was made.
        source: its file.
        expected: how it must be made.
        reference: the file that says so: another chunk, or the weights of a network if `trained`.
        kind: images, clouds or features.

    Raises:
        MismatchError: names both files and the keys that differ.
    """
    keys = sorted(key for key in {*found, *expected} if _get(found, key) != _get(expected, key))
    if keys:
        if not (found and expected):
            table, other = (reference, source) if found else (source, reference)
            raise MismatchError(
                f"{table}: {kind} that do not say how they were made, as those of a table, while {other} "
                "says it. Take all from tables, or all from jets."
            )
        ours, theirs = ({key: _get(side, key) for key in keys} for side in (found, expected))
        verb = f"was trained on {kind} made" if trained else "was made"
        advice = "or train again" if trained else "the same for all datasets"
        raise MismatchError(
            f"{source}: {kind} made with {ours}, but {reference} {verb} with {theirs}. Run "
            f"`represent {kind}` with these settings, {advice}."
        )


def require_one_channel(settings: Settings, source: Any, where: str) -> None:
    """Refuse images of several channels where a method knows one.

    Args:
        settings: how the images were made.
        source: their file.
        where: key of the method in the configuration.

    Raises:
        InputError: there are more.
    """
    channels = settings.get("channels", ["pt"])
    if len(channels) > 1:
        raise InputError(
            f"{source}: images of {len(channels)} channels ({', '.join(channels)}), but {where} takes one. "
            "Set represent.images.channels to one of them."
        )


def _get(settings: Mapping[str, Any], key: str) -> Any:
    return settings.get(key, "absent")


def _chunks(sources: tuple[Manifest | str | os.PathLike, ...]) -> Iterator[str]:
    for source in sources:
        yield from map(str, source.chunks if isinstance(source, Manifest) else [source])


def _of_chunk(path: str) -> tuple[str, int, Settings]:
    """Kind, number of events and settings of a chunk."""
    with open_h5(path) as file:
        n_events = int(file.attrs.get("n_events", 1))
        kind, text = str(file.attrs.get("kind")), file.attrs.get("settings", "{}")
    try:
        settings = json.loads(text)
        section = {**settings.get(kind, settings)}
    except (json.JSONDecodeError, TypeError, AttributeError):
        raise CorruptFileError(
            f"{path}: the attribute 'settings' is not a JSON mapping. Run `represent {kind}` again."
        ) from None
    if "n_jets" in settings:
        section["n_jets"] = settings["n_jets"]
    return kind, n_events, dict(sorted(section.items()))
