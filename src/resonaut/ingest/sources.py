"""Where input files are: local or remote, by name or by pattern, and whether they are what they were."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

from resonaut.errors import (
    ConfigError,
    CorruptFileError,
    InputError,
    MissingFileError,
    nearest,
)
from resonaut.filelist import DIGITS, InputFile, is_remote, is_remote_pattern
from resonaut.ingest.connection import Connection, RemoteFile
from resonaut.ingest.remote import DEFAULTS, RemoteSettings, filesystem, protocol_of, run, tried

Level = Literal["none", "size", "checksum"]
_ENDS = 2**20
_STREAM = 4 * 2**20


def expand(patterns: Sequence[str], remote: RemoteSettings = DEFAULTS) -> list[str]:
    """The files that paths, URLs and patterns name.

    Patterns (`*`, `[ab]`, `**` for any depth, and `?` in local ones) are replaced by the files that they
    match, in alphabetical order: local ones, root:// and s3://. Other names stand as they are, whether the
    file exists or not, so that a missing one can be named where it is read. A file named twice is given once.

    Raises:
        MissingFileError: a pattern matches nothing.
        InputError: a pattern of https://, which has no listing of files.
        UnreachableError: a server does not answer.
    """
    found: list[str] = []
    for pattern in patterns:
        if not _is_pattern(pattern):
            found.append(pattern if is_remote(pattern) else os.path.expanduser(pattern))
            continue
        matches = _remote_matches(pattern, remote) if is_remote(pattern) else _local_matches(pattern)
        if not matches:
            raise MissingFileError(
                f"{pattern}: no file matches. See that the folder and the pattern are right."
            )
        found += matches
    return list(dict.fromkeys(found))


def _is_pattern(path: str) -> bool:
    if is_remote(path):
        return is_remote_pattern(path)
    return glob.has_magic(path) and not Path(path).exists()


def _local_matches(pattern: str) -> list[str]:
    matches = glob.glob(os.path.expanduser(pattern), recursive=True)
    return sorted(match for match in matches if not Path(match).is_dir())


def _remote_matches(pattern: str, remote: RemoteSettings) -> list[str]:
    if protocol_of(pattern) == "https":
        raise InputError(
            f"{pattern}: https:// has no listing of files, so no patterns. Name the files, or write their "
            "manifest with `resonaut files`."
        )
    files = filesystem(pattern, remote)
    name = files._strip_protocol(pattern)

    async def listing() -> dict[str, Any]:
        return await files._glob(name, detail=True)

    try:
        found = run(tried(pattern, remote, listing))
    except MissingFileError:
        return []
    return [_url(pattern, name) for name, info in sorted(found.items()) if info["type"] == "file"]


def _url(pattern: str, name: str) -> str:
    """The URL of a name that a filesystem gives; the host is the pattern's."""
    if protocol_of(pattern) == "s3":
        return f"s3://{name}"
    return f"root://{pattern.split('://', 1)[1].split('/', 1)[0]}//{name.lstrip('/')}"


@contextlib.contextmanager
def open_bytes(path: str, remote: RemoteSettings = DEFAULTS) -> Iterator[BinaryIO]:
    """Yield a seekable binary file. A remote one is fetched by blocks as it is read, never copied whole.

    Raises:
        MissingFileError: no such file.
        UnreachableError: a server denies access, or does not answer; while the file is read, too.
        InputError: a folder, or a file that may not be read.
    """
    if is_remote(path):
        with RemoteFile(Connection(path, remote), remote.block_bytes) as file:
            yield file
        return
    with _local(path):
        file = open(path, "rb")  # noqa: SIM115
    with file:
        yield file


@contextlib.contextmanager
def _local(path: str) -> Iterator[None]:
    """Name what is wrong with a local path."""
    try:
        yield
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a file is expected, this is a folder.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). See who may read it.") from None


def size(path: str, remote: RemoteSettings = DEFAULTS) -> int:
    """Size of a file, bytes.

    Raises:
        MissingFileError, UnreachableError, InputError: see `open_bytes`.
    """
    if is_remote(path):
        return Connection(path, remote).size
    with _local(path):
        if Path(path).is_dir():
            raise IsADirectoryError
        return os.stat(path).st_size


def checksum(path: str, algorithm: str, remote: RemoteSettings = DEFAULTS) -> str:
    """Checksum of a file: "sha256:", "adler32:" or "md5:", and hexadecimal digits.

    An XRootD server is asked for it; where it has none of that kind, and elsewhere, the whole file is read.

    Raises:
        ConfigError: no such algorithm.
        MissingFileError, UnreachableError, InputError: see `open_bytes`.
    """
    if algorithm not in DIGITS:
        raise ConfigError(f"checksum: unknown algorithm '{algorithm}'. {nearest(algorithm, DIGITS)}")
    if is_remote(path) and protocol_of(path) == "root":
        known = _checksum_of_server(path, algorithm, remote)
        if known is not None:
            return f"{algorithm}:{known}"
    update, digits = _running(algorithm)
    with open_bytes(path, remote) as file:
        while block := file.read(_STREAM):
            update(block)
    return f"{algorithm}:{digits()}"


def _running(algorithm: str) -> tuple[Callable[[bytes], None], Callable[[], str]]:
    """What adds a block, and what gives the digits in the end."""
    if algorithm != "adler32":
        total = hashlib.new(algorithm, usedforsecurity=False)
        return total.update, total.hexdigest
    value = 1

    def update(block: bytes) -> None:
        nonlocal value
        value = zlib.adler32(block, value)

    return update, lambda: f"{value:08x}"


def _checksum_of_server(path: str, algorithm: str, remote: RemoteSettings) -> str | None:
    """What the server says; None if it has no checksum of that kind."""
    files = filesystem(path, remote)
    name = files._strip_protocol(path)
    separator = "&" if "?" in name else "?"

    async def ask() -> tuple[str, str] | None:
        try:
            return await files._checksum(f"{name}{separator}cks.type={algorithm}")
        except OSError:
            # Whether the file or the checksum is wanting is found by reading the file.
            return None

    answer = run(tried(path, remote, ask))
    if answer is None or answer[0].lower() != algorithm:
        return None
    digits = answer[1].lower().zfill(DIGITS[algorithm])
    return digits if len(digits) == DIGITS[algorithm] else None


def verify(file: InputFile, level: Level, remote: RemoteSettings = DEFAULTS) -> None:
    """Compare a file with what its manifest noted of it.

    Args:
        file: an entry of a manifest.
        level: 'none' does nothing; 'size' asks whether the file exists and has its size; 'checksum' reads it.

    Raises:
        MissingFileError, UnreachableError: it is not there, or its server does not answer.
        CorruptFileError: it is another file than the one that was noted.
        InputError: 'checksum' of a file whose manifest has none.
    """
    if level == "none":
        return
    hint = "It has changed since its manifest was written: copy it again, or write the manifest anew."
    found = size(file.path, remote)
    if file.size is not None and found != file.size:
        raise CorruptFileError(f"{file.path}: {found} bytes, {file.size} are expected. {hint}")
    if level == "size":
        return
    if file.checksum is None:
        raise InputError(
            f"{file.path}: the manifest has no checksum of it. Write it anew with `resonaut files`, "
            "or verify the size only."
        )
    value = checksum(file.path, file.checksum.partition(":")[0], remote)
    if value != file.checksum:
        raise CorruptFileError(f"{file.path}: checksum {value}, {file.checksum} is expected. {hint}")


def identity(path: str, remote: RemoteSettings = DEFAULTS) -> str:
    """What the content is known by: SHA-256 over the size, the first and the last MiB, hexadecimal digits.

    Equal content gives equal text, however it is reached, and at most 2 MiB of it are read. Files of equal
    size that differ only further inside are taken for the same; where that may happen, use `checksum`.

    Raises:
        MissingFileError, UnreachableError, InputError: see `open_bytes`.
    """
    with open_bytes(path, remote) as file:
        n_bytes = file.seek(0, os.SEEK_END)
        total = hashlib.sha256(f"{n_bytes}:".encode())
        for start in (0, max(n_bytes - _ENDS, 0)):
            file.seek(start)
            total.update(file.read(_ENDS))
    return total.hexdigest()
