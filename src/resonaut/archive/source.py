"""The workflow and the package as they stand on the disk, committed or not."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut.errors import InputError
from resonaut.files import sha256

FILES = ("Snakefile", "Makefile", "pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md")
FOLDERS = ("workflow", "profiles", "config", "envs", "src/resonaut")
_LEFT_OUT = {".pyc", ".nbi", ".nbc"}
"""Machine code that is kept beside the sources."""


def root() -> Path:
    """The clone that this package is of, or the folder of the run where the package is installed elsewhere.

    Raises:
        InputError: neither holds the workflow.
    """
    for folder in (Path(__file__).parents[3], Path.cwd()):
        if (folder / "workflow/Snakefile").exists():
            return folder
    raise InputError(f"{Path.cwd()}: no workflow/Snakefile here. Change to the root of the clone.")


def files(folder: Path) -> dict[str, Path]:
    """Files of a clone by their path in it: what it takes to run a study, without tests and documentation.

    Links are left out: `gpu-cluster` is a link to `profiles/gpu-cluster`.
    """
    found = {name: folder / name for name in FILES if (folder / name).is_file()}
    package = Path(__file__).parents[1]
    for name in FOLDERS:
        base = package if name == "src/resonaut" else folder / name
        for path in sorted(base.rglob("*")):
            inside = path.relative_to(base)
            hidden = any(part.startswith((".", "__pycache__")) for part in inside.parts)
            if path.is_file() and not path.is_symlink() and not hidden and path.suffix not in _LEFT_OUT:
                found[f"{name}/{inside.as_posix()}"] = path
    return found


def digest(found: Mapping[str, Path]) -> str:
    """SHA-256 of the list `<sha256>  <path>` of files, sorted by path."""
    return digest_of({name: sha256(path) for name, path in found.items()})


def digest_of(sums: Mapping[str, str]) -> str:
    """The same, where the SHA-256 of the files are known."""
    lines = "".join(f"{value}  {name}\n" for name, value in sorted(sums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def commit(folder: Path) -> dict[str, Any]:
    """`commit`, `dirty` and `changed` (paths) of a clone; None where it is none, or git is absent."""
    head = _git(folder, "rev-parse", "HEAD")
    top = _git(folder, "rev-parse", "--show-toplevel")
    if head is None or top is None or Path(top.strip()).resolve() != folder.resolve():
        # A folder that merely lies somewhere in another repository has no commit of its own.
        return {"commit": None, "dirty": None, "changed": []}
    entries = (_git(folder, "status", "--porcelain", "-z", "--no-renames") or "").split("\0")
    changed = sorted(entry[3:] for entry in entries if entry)
    return {"commit": head.strip(), "dirty": bool(changed), "changed": changed}


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
