"""JSON files inside archives of any origin: nothing is unpacked to the disk, and what is read is bounded."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resonaut import limits
from resonaut.errors import CorruptFileError, InputError, MissingFileError
from resonaut.files import parse_json

_OPEN = {".gz": gzip.open, ".tgz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".tar": open}
_ARCHIVE_BYTES = 20 * limits.JSON_BYTES
_MEMBERS = 100_000
_XZ_MEMORY = 2**30


def members(archive: Path) -> list[str]:
    """Names of the JSON members of an archive, sorted.

    Raises:
        MissingFileError: no such file.
        CorruptFileError: cannot be read as an archive.
        InputError: it unpacks to more than is allowed.
    """
    with _reading(archive):
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as file:
                names = file.namelist()
        else:
            with _tar(archive) as tar:
                names = [member.name for member in _counted(tar, archive) if member.isfile()]
    return sorted(name for name in names if name.endswith(".json"))


def read(archive: Path, member: str) -> Any:
    """The value of a JSON member.

    Raises:
        InputError: not JSON, or larger than `limits.JSON_BYTES`; others as `members`.
    """
    most = limits.scaled(limits.JSON_BYTES)
    with _reading(archive):
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as file, file.open(member) as stream:
                text = stream.read(most + 1)
        else:
            with _tar(archive) as tar:
                # The last one of a name counts, as in `tar -x`; a link is no file here.
                found = [entry for entry in _counted(tar, archive) if entry.name == member and entry.isfile()]
                stream = tar.extractfile(found[-1])
                text = stream.read(most + 1)
    if len(text) > most:
        raise InputError(f"{archive}:{member}: takes more bytes; {limits.hint(limits.JSON_BYTES)}")
    try:
        return parse_json(text)
    except ValueError as error:
        raise InputError(f"{archive}:{member}: not valid JSON ({error}).") from None


@contextlib.contextmanager
def _reading(archive: Path) -> Iterator[None]:
    if not archive.is_file():
        raise MissingFileError(f"{archive}: no such file.")
    broken = (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, zlib.error, lzma.LZMAError)
    try:
        yield
    except broken as error:
        raise CorruptFileError(f"{archive}: cannot be read as an archive ({error}).") from None


class _Bounded:
    """A decompressing file whose reads are bounded, and whose whole is: headers of tar tell their sizes."""

    def __init__(self, file: Any, archive: Path) -> None:
        self._file, self._archive = file, archive

    def read(self, size: int) -> bytes:
        if size > limits.scaled(limits.JSON_BYTES) + 1:
            raise InputError(
                f"{self._archive}: declares a header or a member of {size} bytes, "
                f"{limits.hint(limits.JSON_BYTES)}"
            )
        return self._file.read(size)

    def seek(self, position: int) -> int:
        if position > limits.scaled(_ARCHIVE_BYTES):
            raise InputError(
                f"{self._archive}: unpacks to {position} bytes or more, {limits.hint(_ARCHIVE_BYTES)}"
            )
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()


@contextlib.contextmanager
def _tar(archive: Path) -> Iterator[tarfile.TarFile]:
    if archive.suffix == ".xz":
        # The size of the dictionary is declared in the first bytes, and allocated when they are read.
        with archive.open("rb") as file:
            lzma.LZMADecompressor(memlimit=_XZ_MEMORY).decompress(file.read(4096), max_length=1)
    with (
        _OPEN[archive.suffix](archive, "rb") as file,
        tarfile.TarFile(fileobj=_Bounded(file, archive)) as tar,
    ):
        yield tar


def _counted(tar: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    for number, member in enumerate(tar):
        if number >= limits.scaled(_MEMBERS):
            raise InputError(f"{archive}: holds {number + 1} members or more, {limits.hint(_MEMBERS)}")
        yield member
