"""Archives whose bytes depend on nothing but names and contents."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from resonaut.archive import layout
from resonaut.errors import InputError
from resonaut.files import atomic, sha256

_STEP = 1 << 20
_STORED = {".png", ".pdf", ".gz", ".zip", ".h5", ".jpg"}
"""Compressed already: to deflate these takes time and gains little."""


def write_tar(target: Path, files: Mapping[str, Path]) -> None:
    """Write a compressed tar archive: sorted, no times, no owners.

    Args:
        files: by their names in the archive.
    """
    with (
        atomic(target) as part,
        open(part, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            with open(path, "rb") as file:
                archive.addfile(entry, file)


def checksums(files: Mapping[str, str]) -> str:
    """Lines `<sha256>  <name>`, sorted by name, as `sha256sum -c` reads them.

    Raises:
        InputError: a name cannot stand in a line.
    """
    for name in files:
        if "\\" in name or not name.isprintable():
            raise InputError(
                f"{name!r}: backslashes and control characters cannot stand in a list. Rename it."
            )
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))


def write_zip(target: str | os.PathLike, files: Mapping[str, Path | bytes], sums: Mapping[str, str]) -> None:
    """Write the archive, with `SHA256SUMS` of all that is in it; whole or not at all.

    Files are copied block by block, so the memory that this takes does not depend on them.

    Args:
        target: the archive.
        files: paths, or the bytes themselves, by their names in the archive.
        sums: SHA-256 of each (`digest`).

    Raises:
        InputError: a name is not safe (`layout.is_safe`), two differ by case alone, or a file is not what its
            checksum says.
        OutputError: the archive cannot be written.
    """
    _check(files)
    whole = {**files, layout.SUMS: checksums(sums).encode()}
    with atomic(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(whole.items()):
            if _add(archive, name, content) != sums.get(name) and name != layout.SUMS:
                raise InputError(
                    f"{content}: changed while it was packed. Wait until nothing runs; try again."
                )
    return sums


def digest(content: Path | bytes) -> str:
    """SHA-256 of a file, or of bytes."""
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256(content)


def _check(files: Mapping[str, Path | bytes]) -> None:
    folded: dict[str, str] = {}
    for name in files:
        if not layout.is_safe(name):
            raise InputError(
                f"'{name}': a file of this name cannot stand in an archive: letters, digits and ._+,@=%- are "
                "expected. Rename it, or move it away."
            )
        other = folded.setdefault(name.lower(), name)
        if other != name:
            raise InputError(
                f"'{name}' and '{other}' differ by case alone: not every system can unpack both."
            )


def _add(archive: zipfile.ZipFile, name: str, content: Path | bytes) -> str:
    entry = zipfile.ZipInfo(name, layout.TIME)
    entry.external_attr = layout.MODE << 16
    entry.create_system = 3
    entry.compress_type = zipfile.ZIP_STORED if Path(name).suffix in _STORED else zipfile.ZIP_DEFLATED
    summed = hashlib.sha256()
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    # Said before, it decides on the 64-bit form, which must not depend on anything else.
    entry.file_size = size
    with archive.open(entry, "w", force_zip64=size > zipfile.ZIP64_LIMIT) as out:
        if isinstance(content, bytes):
            summed.update(content)
            out.write(content)
        else:
            with open(content, "rb") as file:
                _copy(file, out, summed)
    return summed.hexdigest()


def _copy(file: BinaryIO, out: BinaryIO, summed: hashlib._Hash) -> None:
    while block := file.read(_STEP):
        summed.update(block)
        out.write(block)
