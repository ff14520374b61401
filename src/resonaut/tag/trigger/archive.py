"""Generated projects in one zip file: equal projects give equal bytes, and no file names this machine."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut.errors import OutputError
from resonaut.files import atomic, sha256

BYTES_MAX = 2**26
"""Of all files of an archive."""
_DATE = (1980, 1, 1, 0, 0, 0)
_COMPILED = (".so", ".o", ".a")


def text_of(folder: Path, replaced: Mapping[str, str]) -> dict[str, bytes]:
    """Files of a project by their path in it, without what was compiled.

    Args:
        replaced: text that must not stay, and what takes its place.

    Raises:
        OutputError: together they are larger than `BYTES_MAX`.
    """
    found: dict[str, bytes] = {}
    n_bytes = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in _COMPILED:
            continue
        n_bytes += path.stat().st_size
        if n_bytes > BYTES_MAX:
            raise OutputError(
                f"the firmware project has more than {BYTES_MAX // 2**20} MB. Use fewer layers or units."
            )
        content = path.read_bytes()
        for old, new in replaced.items():
            content = content.replace(old.encode(), new.encode())
        found[path.relative_to(folder).as_posix()] = content
    return found


def write(path: Path, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Write an archive; returns its name, SHA-256, size and number of files."""
    with atomic(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, files[name], compresslevel=9)
    return {
        "file": path.name,
        "sha256": sha256(path),
        "n_bytes": path.stat().st_size,
        "n_files": len(files),
    }
