"""Whole files or none: write beside the target, then rename."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resonaut import limits, processes
from resonaut.errors import InputError, MissingFileError, OutputError
from resonaut.failures import DENIED, no_room


def _reason(error: BaseException, target: Path) -> str | None:
    """The words for a failed write of `target`, or None if `error` is not about writing it."""
    if no_room(error):
        return "no space left on the device: free some, or move 'results' to a larger disk"
    code, name = getattr(error, "errno", None), getattr(error, "filename", None)
    # Libraries name files by absolute paths.
    place = target.absolute()
    named = place if name is None else Path(name).absolute()
    if named.parent != place.parent and named not in place.parents:
        # A file that was being read, not this one.
        return None
    if code == errno.ENOENT and name is not None and ".part" in Path(name).name:
        return "its temporary file is gone: was the folder removed, or did another run clean up here?"
    if code == errno.EISDIR:
        return "it is a folder: name a file"
    if code in (errno.ENOTDIR, errno.EEXIST):
        return f"{name or target.parent} is a file: name another folder"
    if code in DENIED:
        return f"{os.strerror(code)}: make the folder writable"
    return None


def _remove_dead(target: Path) -> None:
    """Remove what writers of `target` left behind that were killed on this machine."""
    prefix, suffix = f".{target.stem}.{socket.gethostname()}.", f".part{target.suffix}"
    for path in target.parent.glob(f"{glob.escape(prefix)}*{glob.escape(suffix)}"):
        pid = path.name.removeprefix(prefix).removesuffix(suffix)
        if pid.isdigit() and processes.start_time(int(pid)) is None:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def atomic(target: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it to `target` only if the block succeeds.

    Raises:
        OutputError: no space is left, or the folder cannot be written.
    """
    target = Path(target)
    # The suffix stays: readers and writers choose the format by it. Folders are shared between machines.
    part = target.with_name(f".{target.stem}.{socket.gethostname()}.{os.getpid()}.part{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead(target)
        yield part
        os.replace(part, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        reason = _reason(error, target)
        if reason is None or isinstance(error, InputError):
            raise
        raise OutputError(f"{target}: cannot be written ({reason}).") from error


@contextlib.contextmanager
def appending(target: str | os.PathLike) -> Iterator[None]:
    """While lines are added to `target`, say of a failed write which file it was.

    Raises:
        OutputError: no space is left, or the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        reason = _reason(error, Path(target))
        if reason is None:
            raise
        raise OutputError(f"{target}: cannot be written ({reason}).") from error


def canonical_json(value: Any) -> str:
    """One line of JSON with sorted keys: equal settings give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_json(target: str | os.PathLike, value: Any) -> None:
    """Write `value` as indented JSON, keys in the order given, whole or not at all."""
    with atomic(target) as part:
        part.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike) -> Any:
    """Read JSON.

    Raises:
        MissingFileError: no such file.
        InputError: not JSON, nested too deeply, or larger than `limits.JSON_BYTES`.
    """
    try:
        return parse_json(limits.read_text(path, limits.JSON_BYTES))
    except ValueError as error:
        raise InputError(
            f"{path}: not valid JSON ({error}). Correct it, or delete it and run its stage again."
        ) from None


def parse_json(text: str | bytes) -> Any:
    """The value of JSON text.

    Raises:
        ValueError: not JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists or mappings are nested too deeply") from None


def sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits.

    Raises:
        MissingFileError: no such file.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
