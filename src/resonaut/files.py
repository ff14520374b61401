"""Whole files or none: write beside the target, then rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resonaut.errors import InputError, MissingFileError, OutputError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def _reason(error: BaseException) -> str | None:
    """The words for a failed write, or None if `error` is not about writing."""
    text = str(error)
    code = getattr(error, "errno", None)
    if code in _NO_ROOM or any(os.strerror(number) in text for number in _NO_ROOM):
        return "no space left on the device: free some, or move 'results' to a larger disk"
    if code == errno.EISDIR:
        return "it is a folder: name a file"
    if code in (errno.EACCES, errno.EROFS, errno.EPERM):
        return f"{os.strerror(code)}: make the folder writable"
    return None


@contextlib.contextmanager
def atomic(target: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it to `target` only if the block succeeds.

    Raises:
        OutputError: no space is left, or the folder cannot be written.
    """
    target = Path(target)
    # The suffix stays: readers and writers choose the format by it.
    part = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        reason = _reason(error)
        if reason is None or isinstance(error, InputError):
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
        InputError: not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: not valid JSON ({error}). Correct it, or delete it and run its stage again."
        ) from None


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
