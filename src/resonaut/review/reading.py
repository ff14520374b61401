"""Reading what other stages wrote, with errors that name the file and what was expected of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut.errors import EmptyFileError, InputError, nearest
from resonaut.files import read_json
from resonaut.manifest import Manifest
from resonaut.manifest import read as read_manifest
from resonaut.store import open_h5

SLICE = 4096
"""Rows of images in memory at a time."""


def open_kind(path: Path, kind: str) -> h5py.File:
    """Open an HDF5 file whose attribute `kind` is `kind`.

    Raises:
        InputError: missing, unreadable, or of another kind.
    """
    file = open_h5(path)
    found = file.attrs.get("kind")
    if found != kind:
        file.close()
        raise InputError(
            f"{path}: a file of kind '{kind}' is expected, got {found!r}. Give the file of that stage."
        )
    return file


def column(file: h5py.File, path: str) -> np.ndarray:
    """Read an HDF5 dataset.

    Raises:
        InputError: it is absent; the nearest one is named.
    """
    return _dataset(file, path)[()]


def _dataset(file: h5py.File, path: str) -> h5py.Dataset:
    if path not in file:
        group = file.get(path.rsplit("/", 1)[0]) if "/" in path else file
        prefix = f"{path.rsplit('/', 1)[0]}/" if "/" in path else ""
        known = [f"{prefix}{name}" for name in group] if isinstance(group, h5py.Group) else list(file)
        raise InputError(f"{file.filename}: no '{path}'. {nearest(path, known)}")
    return file[path]


def attribute(file: h5py.File, name: str) -> Any:
    """Read an attribute that holds JSON.

    Raises:
        InputError: it is absent or not JSON.
    """
    try:
        return json.loads(file.attrs[name])
    except KeyError:
        raise InputError(f"{file.filename}: no attribute '{name}'. {nearest(name, file.attrs)}") from None
    except (json.JSONDecodeError, TypeError):
        raise InputError(
            f"{file.filename}: the attribute '{name}' is not JSON. Run its stage again."
        ) from None


def json_with(path: Path, *keys: str) -> dict[str, Any]:
    """Read a JSON mapping that has some keys.

    Raises:
        InputError: missing, not JSON, or without one of the keys.
    """
    value = read_json(path)
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            known = value if isinstance(value, dict) else ()
            raise InputError(f"{path}: the key '{key}' is expected. {nearest(key, known)}")
    return value


def manifests(paths: Sequence[Path] | Mapping[str, Path], kind: str) -> dict[str, Manifest]:
    """Read manifests of one kind, by dataset, sorted by name.

    Raises:
        InputError: of another kind, or a name given for another dataset.
        EmptyFileError: no events in any of them.
    """
    named = paths if isinstance(paths, Mapping) else dict.fromkeys(paths)
    found: dict[str, Manifest] = {}
    for key, value in named.items():
        manifest = read_manifest(key if value is None else value, kind)
        if value is not None and manifest.dataset != key:
            raise InputError(f"{value}: a manifest of '{key}' is expected, got one of '{manifest.dataset}'.")
        found[manifest.dataset] = manifest
    if not any(sum(manifest.n_events) for manifest in found.values()):
        raise EmptyFileError(f"{', '.join(map(str, named))}: no events to draw. Loosen the selection.")
    return dict(sorted(found.items()))


def columns(manifest: Manifest, paths: Sequence[str]) -> dict[str, np.ndarray]:
    """Read HDF5 datasets of all chunks, joined along the first axis; chunks without rows may lack them."""
    parts: dict[str, list[np.ndarray]] = {path: [] for path in paths}
    filled = [path for path, n in zip(manifest.chunks, manifest.n_events, strict=True) if n]
    for chunk in filled or manifest.chunks:
        with open_h5(chunk) as file:
            for path in paths:
                parts[path].append(column(file, path))
    return {path: np.concatenate(pieces) for path, pieces in parts.items()}


def chunk_attribute(manifest: Manifest, name: str) -> Any:
    """A JSON attribute of the first chunk."""
    with open_h5(manifest.chunks[0]) as file:
        return attribute(file, name)


def find_key(value: Any, key: str) -> Any:
    """The first value of `key` at any depth of nested mappings, or None."""
    if isinstance(value, Mapping):
        if key in value:
            return value[key]
        for inner in value.values():
            found = find_key(inner, key)
            if found is not None:
                return found
    return None
