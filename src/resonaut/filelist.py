"""The manifest of the input files of a dataset: what each is, so that a changed or missing one is noticed.

JSON, written by `resonaut files`::

    {"schema_version": 1,
     "luminosity_fb": 59.8,
     "files": [{"path": "root://eos.cern.ch//eos/a.root", "size": 1234, "checksum": "adler32:0a1b2c3d",
                "n_events": 10}]}

`path` is required; a relative one is relative to the manifest's own folder. `luminosity_fb`, the integrated
luminosity of all files together in inverse femtobarn, may be absent.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from resonaut.errors import InputError, nearest
from resonaut.files import canonical_json, parse_json, read_json, write_json

SCHEMA_VERSION = 1
DIGITS = {"sha256": 64, "adler32": 8, "md5": 32}
_KEYS = ("schema_version", "files", "luminosity_fb")


def is_remote(path: str | os.PathLike) -> bool:
    """Whether a path is a URL (root://, https://, s3://) and not a file of this machine.

    >>> is_remote("root://eos.cern.ch//eos/a.root"), is_remote("/data/a.root")
    (True, False)
    """
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", os.fspath(path)) is not None


def is_remote_pattern(path: str) -> bool:
    """Whether a URL names several files.

    A question mark begins its query, and brackets before the path are an address: these are no patterns.

    >>> is_remote_pattern("root://h//a/*.root"), is_remote_pattern("https://[::1]:8/a.h5?download=1")
    (True, False)
    """
    return any(sign in path.split("://", 1)[1].partition("/")[2] for sign in "*[")


@dataclass(frozen=True)
class InputFile:
    """One input file, and what was noted of it when the manifest was written.

    Attributes:
        path: local path or URL.
        size: bytes; None if it was not noted.
        checksum: "sha256:", "adler32:" or "md5:" and hexadecimal digits; None if it was not noted.
        n_events: events in it; None if they were not counted.
    """

    path: str
    size: int | None = None
    checksum: str | None = None
    n_events: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Any, where: str) -> InputFile:
        """Read one entry of a manifest.

        Args:
            raw: what JSON gives.
            where: file and key, for messages.

        Raises:
            InputError: a key is unknown or missing, or a value cannot be used.
        """
        known = [item.name for item in fields(cls)]
        if not isinstance(raw, dict):
            raise InputError(f"{where}: a mapping with the key 'path' is expected, got {raw!r}.")
        _check_keys(raw, known, where)
        path = raw.get("path")
        if not isinstance(path, str) or not path.strip():
            raise InputError(f"{where}.path: a path or URL is expected, got {path!r}.")
        for name in ("size", "n_events"):
            value = raw.get(name)
            if value is not None and (type(value) is not int or value < 0):
                raise InputError(f"{where}.{name}: a whole number, 0 or more, is expected, got {value!r}.")
        _check_checksum(raw.get("checksum"), f"{where}.checksum")
        return cls(**{name: raw.get(name) for name in known})


@dataclass(frozen=True)
class FileList:
    """The input files of a dataset.

    Attributes:
        path: the manifest's own path.
        files: with relative paths made relative to the working folder.
        luminosity_fb: integrated luminosity of all files, inverse femtobarn; None if unknown.
    """

    path: Path
    files: tuple[InputFile, ...]
    luminosity_fb: float | None = None


def read(path: str | os.PathLike) -> FileList:
    """Read a manifest of input files.

    Raises:
        MissingFileError: no such file.
        InputError: not JSON, of another version, an unknown key, a wrong value, or a file named twice.
    """
    if Path(path).is_dir():
        raise InputError(f"{path}: a manifest of input files is expected, this is a folder.")
    return _parse(read_json(path), path, Path(path).parent)


def read_text(text: str) -> FileList:
    """Read a manifest from JSON text; relative paths start at the working folder.

    Raises:
        InputError: see `read`.
    """
    try:
        raw = parse_json(text)
    except ValueError as error:
        raise InputError(f"list of files: not valid JSON ({error}).") from None
    return _parse(raw, "list of files", Path())


def to_json(files: Iterable[InputFile]) -> str:
    """A manifest as key-sorted JSON text, with only what is known of each file."""
    entries = [{key: value for key, value in item.to_dict().items() if value is not None} for item in files]
    return canonical_json({"schema_version": SCHEMA_VERSION, "files": entries})


def _parse(raw: Any, path: str | os.PathLike, folder: Path) -> FileList:
    hint = "Write it with `resonaut files`."
    if not isinstance(raw, dict) or not isinstance(raw.get("files"), list):
        raise InputError(f"{path}: a manifest of input files with a list 'files' is expected. {hint}")
    if raw.get("schema_version") != SCHEMA_VERSION:
        version = raw.get("schema_version")
        raise InputError(f"{path}: schema_version: {SCHEMA_VERSION} is expected, got {version!r}. {hint}")
    _check_keys(raw, _KEYS, str(path))
    if not raw["files"]:
        raise InputError(f"{path}: files: at least one file is expected. {hint}")
    luminosity = raw.get("luminosity_fb")
    number = isinstance(luminosity, int | float) and not isinstance(luminosity, bool)
    if luminosity is not None and not (number and 0 < luminosity < float("inf")):
        raise InputError(f"{path}: luminosity_fb: a positive number is expected, got {luminosity!r}.")
    files = [InputFile.from_dict(item, f"{path}: files[{row}]") for row, item in enumerate(raw["files"])]
    placed = [InputFile(**{**item.to_dict(), "path": _resolved(item.path, folder)}) for item in files]
    _check_unique((item.path for item in placed), str(path))
    return FileList(Path(path), tuple(placed), None if luminosity is None else float(luminosity))


def write(path: str | os.PathLike, files: Iterable[InputFile], luminosity_fb: float | None = None) -> None:
    """Write a manifest; local files below its folder are named relative to it, others by their absolute path.

    Raises:
        InputError: a file is named twice.
        OutputError: it cannot be written.
    """
    folder = Path(path).parent.absolute()
    files = list(files)
    _check_unique(
        (item.path if is_remote(item.path) else os.path.abspath(item.path) for item in files), str(path)
    )
    entries = [{**item.to_dict(), "path": _placed(item.path, folder)} for item in files]
    head = {} if luminosity_fb is None else {"luminosity_fb": luminosity_fb}
    write_json(path, {"schema_version": SCHEMA_VERSION, **head, "files": entries})


def _check_keys(raw: dict[str, Any], known: Iterable[str], where: str) -> None:
    for key in raw:
        if key not in known:
            raise InputError(f"{where}: unknown key '{key}'. {nearest(key, known)}")


def _check_checksum(value: Any, where: str) -> None:
    if value is None:
        return
    algorithm, _, digits = value.partition(":") if isinstance(value, str) else ("", "", "")
    if algorithm not in DIGITS:
        raise InputError(
            f"{where}: '<algorithm>:<digits>' is expected, got {value!r}. {nearest(algorithm, DIGITS)}"
        )
    if not re.fullmatch(f"[0-9a-f]{{{DIGITS[algorithm]}}}", digits):
        raise InputError(
            f"{where}: {DIGITS[algorithm]} lower-case hexadecimal digits are expected after '{algorithm}:', "
            f"got {digits!r}."
        )


def _check_unique(paths: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise InputError(
                f"{where}: {path} is named twice; its events would count twice. Leave one of the two out."
            )
        seen.add(path)


def _resolved(path: str, folder: Path) -> str:
    return path if is_remote(path) else os.path.normpath(folder / path)


def _placed(path: str, folder: Path) -> str:
    if is_remote(path):
        return path
    absolute = Path(os.path.abspath(path))
    return str(absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute)
