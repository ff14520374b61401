"""The software and the kind of machine that made a study; nothing that names the machine."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut import __version__
from resonaut.archive import layout, numbers, source
from resonaut.files import read_json
from resonaut.sbom import normalised


def describe(folder: Path, sources: Mapping[str, str], results: Mapping[str, Path]) -> dict[str, Any]:
    """`environment.json`: of this moment, but for `recorded`, which results say of their own making.

    Args:
        folder: the clone.
        sources: SHA-256 of the files of `source.files`.
        results: files by their path below `results/<study>`.
    """
    return {
        "archive_format": layout.FORMAT,
        "resonaut": __version__,
        **source.commit(folder),
        "source_sha256": source.digest_of(sources),
        "platform": {
            "system": platform.system(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "libc": " ".join(platform.libc_ver()).strip(),
            "instructions": _instructions(),
        },
        "versions": versions(),
        "recorded": recorded(results),
    }


def _instructions() -> str:
    """Instruction sets of the processor that numpy knows: with others, sums are rounded otherwise."""
    from numpy._core import _multiarray_umath

    return " ".join(sorted(name for name, has in _multiarray_umath.__cpu_features__.items() if has))


def recorded(results: Mapping[str, Path]) -> dict[str, list[str]]:
    """Versions that the JSON results name, by package; several where results were made with several."""
    found: dict[str, set[str]] = {}
    for path, file in results.items():
        if numbers.counts(path):
            value = read_json(file)
            provenance = value.get("provenance") if isinstance(value, dict) else None
            for name, version in (provenance or {}).get("versions", {}).items():
                found.setdefault(normalised(name), set()).add(str(version))
    return {name: sorted(found[name]) for name in sorted(found)}


def versions() -> dict[str, str]:
    """Version of every installed package by its normalised name."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        # The first of a name is the one that is imported.
        if name and normalised(name) not in found:
            found[normalised(name)] = distribution.version
    return dict(sorted(found.items()))
