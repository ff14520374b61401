"""Unpack an archive that a stranger sent: nothing is written outside its folder, and no bomb goes off.

Every entry is judged before the first byte is written: its path (relative, without `..`, drive letters,
backslashes or control characters), its kind (files and folders only, so no links and no devices), its
compression (stored or deflated), its size, and whether two entries share a name or bytes. What the archive
declares may be a lie, so sizes are counted again while its files are written. They are written into a new
folder beside the wanted one, which gets its name at the end: after a refusal there is nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from resonaut.errors import CorruptFileError, InputError, MissingFileError, OutputError

MAX_BYTES = 2_000_000_000
MAX_FILES = 20_000
MAX_RATIO = 200.0
"""Of the bytes of a file to its bytes in the archive; text reaches 100, and a bomb 1000 and more."""
SMALL = 1_000_000
"""Bytes; a file up to this size may be packed to any ratio."""
_MAX_NAME, _MAX_DEPTH, _MAX_PART = 1024, 32, 255
_STEP = 1 << 20
_LOCAL_HEADER = 30
_DIRECTORY_ENTRY = 46
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Limits:
    """What an archive may take.

    Attributes:
        max_bytes: of all files together, unpacked; also of the archive itself.
        max_files: entries, folders included.
        max_ratio: of each file above 1 MB, its bytes to its bytes in the archive.
    """

    max_bytes: int = MAX_BYTES
    max_files: int = MAX_FILES
    max_ratio: float = MAX_RATIO


def unpack_zip(
    path: str | os.PathLike,
    folder: str | os.PathLike,
    max_bytes: int = MAX_BYTES,
    max_files: int = MAX_FILES,
    max_ratio: float = MAX_RATIO,
) -> list[str]:
    """Unpack a ZIP archive into a folder, all of it or nothing.

    Args:
        path: the archive.
        folder: is made; may exist if it is empty.
        max_bytes: of all files together, unpacked.
        max_files: entries, folders included.
        max_ratio: of a file above 1 MB, its bytes to its bytes in the archive.

    Returns:
        Paths of the files below `folder`, sorted, with '/' between their parts.

    Raises:
        MissingFileError: no such archive.
        CorruptFileError: not a ZIP archive, truncated, or a checksum is wrong.
        InputError: an entry or a size is refused; the message names it.
        OutputError: the folder is not empty, cannot be written, or the disk is too small.
    """
    limits = Limits(max_bytes, max_files, max_ratio)
    target = Path(folder)
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise OutputError(f"{target}: a new or empty folder is expected; name another, or empty this one.")
    with opened(path, limits) as archive, _new_folder(target) as part:
        entries = archive.infolist()
        needed = sum(entry.file_size for entry in entries)
        free = shutil.disk_usage(part).free
        if needed > free:
            raise OutputError(f"{target}: {path} unpacks to {needed} bytes, {free} are free on this disk.")
        _write(archive, part, limits, path)
    return sorted(entry.filename for entry in entries if not entry.is_dir())


@contextlib.contextmanager
def opened(path: str | os.PathLike, limits: Limits | None = None) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP archive for reading, after its entries were judged.

    Raises:
        MissingFileError, CorruptFileError, InputError: see `unpack_zip`.
    """
    limits = limits or Limits()
    try:
        with open(path, "rb") as file:
            _check_directory_size(file, path, limits)
            with zipfile.ZipFile(file) as archive:
                _check(archive.infolist(), path, limits)
                yield archive
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError) as error:
        raise CorruptFileError(
            f"{path}: not a whole ZIP archive ({error}). Copy it again from where it came."
        ) from None


@contextlib.contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A folder that gets its name if the block succeeds, and goes if it does not."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    except OSError as error:
        raise OutputError(f"{target}: cannot be made ({error.strerror}); choose another folder.") from error
    try:
        yield part
        part.chmod(0o755)
        os.replace(part, target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror}).") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(archive: zipfile.ZipFile, folder: Path, limits: Limits, path: str | os.PathLike) -> None:
    total = 0
    for entry in archive.infolist():
        place = folder.joinpath(*entry.filename.rstrip("/").split("/"))
        if entry.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, open(place, "xb") as copy:
            while block := source.read(_STEP):
                total += len(block)
                if total > limits.max_bytes:
                    raise _too_large(path, total, limits)
                copy.write(block)


def _too_large(path: str | os.PathLike, n_bytes: int, limits: Limits) -> InputError:
    return InputError(
        f"{path}: unpacks to {n_bytes} bytes or more, at most {limits.max_bytes} are allowed. "
        "If you trust it, raise the limit."
    )


def _check_directory_size(file: BinaryIO, path: str | os.PathLike, limits: Limits) -> None:
    """Refuse a table of contents that would fill the memory, before it is read."""
    size = file.seek(0, os.SEEK_END)
    if size > limits.max_bytes:
        raise InputError(
            f"{path}: the archive takes {size} bytes, at most {limits.max_bytes} are allowed. "
            "If you trust it, raise the limit."
        )
    allowed = limits.max_files * (_DIRECTORY_ENTRY + _MAX_NAME)
    # The record at the end holds the directory's size; it may be followed by a comment of up to 65535 bytes.
    start = max(0, size - 65535 - 22 - 20)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    found = 0
    if at >= 0 and len(tail) - at >= 16:
        (found,) = struct.unpack_from("<L", tail, at + 12)
        locator = at - 20
        if found == 0xFFFFFFFF and locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
            (offset,) = struct.unpack_from("<Q", tail, locator + 8)
            file.seek(min(offset, size))
            record = file.read(56)
            found = struct.unpack_from("<Q", record, 40)[0] if len(record) == 56 else 0
    if found > allowed:
        raise InputError(
            f"{path}: its table of contents takes {found} bytes, at most {allowed} are allowed "
            f"({limits.max_files} entries)."
        )
    file.seek(0)


def _check(entries: list[zipfile.ZipInfo], path: str | os.PathLike, limits: Limits) -> None:
    if len(entries) > limits.max_files:
        raise InputError(
            f"{path}: holds {len(entries)} entries, at most {limits.max_files} are allowed. If you trust it, "
            "raise the limit."
        )
    for entry in entries:
        reason = _bad_name(entry) or _bad_kind(entry) or _bad_ratio(entry, limits)
        if reason:
            raise InputError(f"{path}: the entry {entry.filename!r} {reason}. It was not unpacked.")
    _check_unique(entries, path)
    _check_overlap(entries, path)
    total = sum(entry.file_size for entry in entries)
    if total > limits.max_bytes:
        raise _too_large(path, total, limits)


def _bad_name(entry: zipfile.ZipInfo) -> str | None:
    # `orig_filename` is what stands in the archive; `filename` is cut at a NUL.
    name = entry.orig_filename
    parts = name.removesuffix("/").split("/")
    if any(unicodedata.category(sign).startswith("C") for sign in name):
        return "has control characters in its name"
    if "\\" in name or ":" in name:
        return "has a backslash or a colon in its name"
    if name.startswith("/"):
        return "has an absolute path"
    if any(part in ("", ".", "..") for part in parts):
        return "has an empty part, '.' or '..' in its path"
    if len(name) > _MAX_NAME or len(parts) > _MAX_DEPTH or any(len(p.encode()) > _MAX_PART for p in parts):
        return f"has a path of more than {_MAX_NAME} characters or {_MAX_DEPTH} folders"
    return None


def _bad_kind(entry: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR) > entry.is_dir():
        return "is a link or a device, not a file"
    if entry.is_dir() and entry.file_size:
        return "is a folder that holds bytes"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed by method {entry.compress_type}; stored and deflated are known"
    return None


def _bad_ratio(entry: zipfile.ZipInfo, limits: Limits) -> str | None:
    if entry.file_size > max(SMALL, limits.max_ratio * entry.compress_size):
        return (
            f"unpacks {entry.compress_size} bytes to {entry.file_size}, at most {limits.max_ratio:g} times "
            "as many are allowed"
        )
    return None


def _check_unique(entries: list[zipfile.ZipInfo], path: str | os.PathLike) -> None:
    """No two entries are one file, also where case, or the form of an accent, does not count."""
    files: set[str] = set()
    folders: set[str] = set()
    for entry in entries:
        name = unicodedata.normalize("NFC", entry.filename.removesuffix("/")).casefold()
        parts = name.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        if entry.is_dir():
            folders.add(name)
        elif name in files:
            raise InputError(f"{path}: the entry {entry.filename!r} is there twice. It was not unpacked.")
        else:
            files.add(name)
    for name in sorted(files & folders):
        raise InputError(f"{path}: the entry {name!r} is a file and a folder. It was not unpacked.")


def _check_overlap(entries: list[zipfile.ZipInfo], path: str | os.PathLike) -> None:
    """Entries that share bytes make a bomb of any size from a small archive."""
    end, previous = 0, ""
    for entry in sorted(entries, key=lambda item: item.header_offset):
        if entry.header_offset < end:
            raise InputError(
                f"{path}: the entries {previous!r} and {entry.filename!r} share bytes. It was not unpacked."
            )
        end = entry.header_offset + _LOCAL_HEADER + entry.compress_size
        previous = entry.filename
