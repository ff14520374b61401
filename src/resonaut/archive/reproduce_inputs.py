"""Bring the inputs of a study, which an archive names and does not hold, to where a clean folder wants them.

An input is known by its SHA-256, so it is found under any name. One with a relative path is linked there; a
configuration that names files outside the folder is written anew with the places where they were found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from resonaut.errors import MismatchError, MissingFileError
from resonaut.filelist import is_remote
from resonaut.files import sha256

FOLDER = "inputs"
"""Of the clean folder: inputs whose own paths lead out of it."""


@dataclass(frozen=True)
class Placed:
    """An input that is ready.

    Attributes:
        path: as in the archive.
        dataset: that it belongs to; None for other files than events.
        found: the file that was found; None for a remote one.
        used: the path that the new run reads.
    """

    path: str
    dataset: str | None
    found: str | None
    used: str


def _stays(path: str) -> bool:
    """Whether a path stays in the folder of the run."""
    parts = PurePosixPath(path).parts
    return not PurePosixPath(path).is_absolute() and ".." not in parts


def _by_size(folders: Iterable[Path]) -> dict[int, list[Path]]:
    """Files below some folders by their size, so that few are read whole."""
    found: dict[int, list[Path]] = {}
    for folder in folders:
        if not folder.exists():
            raise MissingFileError(f"--data {folder}: no such file or folder.")
        files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
        for path in files:
            found.setdefault(path.stat().st_size, []).append(path)
    return found


def find(entries: Sequence[Mapping[str, Any]], data: Sequence[Path]) -> dict[str, Path]:
    """The local files that are the inputs, by the path in the archive.

    Args:
        entries: of `inputs.json`.
        data: folders (or files) to look in, besides the places that the archive names.

    Raises:
        MissingFileError: an input is nowhere; the message names all of them.
        MismatchError: a file of the right name has other contents.
    """
    # A file that several datasets read is there for each of them.
    wanted = {entry["path"]: entry for entry in entries if not is_remote(entry["path"])}.values()
    sizes = _by_size(data)
    digests: dict[Path, str] = {}
    found: dict[str, Path] = {}
    missing, changed = [], []
    for entry in wanted:
        named = Path(entry["path"])
        here = [named] if named.is_absolute() and named.is_file() else []
        for path in [*here, *sizes.get(entry["bytes"], [])]:
            digests[path] = digests.get(path) or sha256(path)
            if digests[path] == entry["sha256"]:
                found[entry["path"]] = path.resolve()
                break
        else:
            same_name = [path for paths in sizes.values() for path in paths if path.name == named.name]
            (changed if same_name or here else missing).append((entry, same_name or here))
    if changed:
        (entry, paths), number = changed[0], len(changed)
        raise MismatchError(
            f"{paths[0]}: not the input {entry['path']} of the archive ({entry['bytes']} bytes, SHA-256 "
            f"{entry['sha256']}){f', nor are {number - 1} others' if number > 1 else ''}. "
            "Find the file as it was."
        )
    if missing:
        names = "; ".join(f"{entry['path']} ({entry['bytes']} bytes)" for entry, _ in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise MissingFileError(
            f"{len(missing)} inputs are not in the archive and were not found: {names}{more}. Name the "
            "folders that they are in with --data; they are known by their checksums, under any name."
        )
    return found


def place(
    entries: Sequence[Mapping[str, Any]],
    found: Mapping[str, Path],
    folder: Path,
    configuration: dict[str, Any],
) -> list[Placed]:
    """Link inputs into the clean folder, and change the configuration where their paths lead out of it.

    Args:
        entries: of `inputs.json`.
        found: the files, from `find`.
        folder: clean, where the study will run.
        configuration: merged; `files` of datasets are changed in place.

    Raises:
        MismatchError: a list of files (`manifest:`) lies outside the folder, and its entries cannot be moved.
    """
    placed, moved = [], {}
    for number, entry in enumerate(entries):
        path = entry["path"]
        source = found.get(path)
        if source is None or (Path(path).is_absolute() and source == Path(path).resolve()):
            placed.append(Placed(path, entry["dataset"], source and str(source), path))
            continue
        used = path if _stays(path) else f"{FOLDER}/{number:06d}/{Path(path).name}"
        target = folder / used
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            os.symlink(source, target)
        if used != path:
            moved[path] = used
        placed.append(Placed(path, entry["dataset"], str(source), used))
    _rename(configuration, placed, moved)
    return placed


def _rename(configuration: dict[str, Any], placed: Sequence[Placed], moved: Mapping[str, str]) -> None:
    """Datasets with a moved file name all their files, in their order, instead of a pattern."""
    for name, dataset in configuration.get("datasets", {}).items():
        own = [entry for entry in placed if entry.dataset == name]
        away = [path for path in (*(entry.path for entry in own), dataset.get("manifest")) if path in moved]
        if not away:
            continue
        if dataset.get("manifest"):
            raise MismatchError(
                f"datasets.{name}.manifest: the list of files and what it lists must be where they were. Put "
                f"there: {', '.join(away)[:500]}."
            )
        dataset["files"] = [entry.used for entry in own]
    for path, used in moved.items():
        _replace(configuration, path, used)


def _replace(value: Any, old: str, new: str) -> None:
    """Replace a path wherever a configuration names it."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(entries):
        if isinstance(inner, dict | list):
            _replace(inner, old, new)
        elif inner == old:
            value[key] = new
