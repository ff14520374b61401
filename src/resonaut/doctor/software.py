"""Python, the packages against the lock file, and the container that all of this may stand in."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from resonaut.doctor.finding import Finding

OLDEST, NEWEST = (3, 11), (3, 13)
_SHOWN = 6
_ALSO_RUNS = {"ruff", "snakefmt", "pytest", "pytest-cov", "pytest-xdist", "hypothesis", "flask", "flask-cors"}
"""Of the lock file, but for tests and style alone: their absence stops no study."""


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether this Python is one of those that are tested."""
    shown = ".".join(map(str, version))
    if OLDEST <= version[:2] <= NEWEST:
        return Finding("Python", "green", f"{shown} in {sys.prefix}")
    wanted = f"{'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}"
    return Finding("Python", "red", f"{shown}; {wanted} are tested", "make setup PYTHON=python3.12")


def packages(locked: Mapping[str, str]) -> Finding:
    """Whether the installed packages are those of the lock file.

    Args:
        locked: version of each package; empty where there is no lock file.
    """
    if not locked:
        return Finding(
            "packages", "yellow", "no lock file to compare with", "install from a clone: make setup"
        )
    absent, other = [], []
    for name, wanted in sorted(locked.items()):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            absent.append(name)
            continue
        # A build for a GPU or for CPUs only adds a local label (PEP 440) to the same version.
        if found.split("+")[0] != wanted.split("+")[0]:
            other.append(f"{name} {found} (locked: {wanted})")
    needed = [name for name in absent if name not in _ALSO_RUNS]
    fix = f"{Path(sys.executable)} -m pip install -r envs/requirements.lock"
    if needed:
        return Finding("packages", "red", f"not installed: {_some(needed)}", fix)
    if other or absent:
        parts = [f"other versions: {_some(other)}"] if other else []
        parts += [f"not installed (tests only): {_some(absent)}"] if absent else []
        return Finding("packages", "yellow", "; ".join(parts), fix)
    return Finding("packages", "green", f"{len(locked)} packages, all as in the lock file")


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def command() -> Finding:
    """Whether the command `resonaut` of the shell is that of this Python."""
    found = shutil.which("resonaut")
    own = Path(sys.executable).parent / "resonaut"
    if found is None:
        fix = f"export PATH={own.parent}:$PATH"
        return Finding("command", "yellow", "`resonaut` is not on the PATH; rules find it themselves", fix)
    if own.exists() and Path(found).resolve() != own.resolve():
        fix = f"export PATH={own.parent}:$PATH"
        return Finding("command", "yellow", f"`resonaut` is {found}, of another Python than {own}", fix)
    return Finding("command", "green", found)


def container() -> Finding:
    """Whether this is a container, and which programs run one."""
    inside = os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER")
    if inside or Path("/.dockerenv").exists():
        return Finding("container", "green", f"inside {inside or 'a Docker container'}")
    known = [name for name in ("apptainer", "singularity", "docker", "podman") if shutil.which(name)]
    text = f"none; {', '.join(known)} can run one" if known else "none, and no program to run one"
    return Finding("container", "green", text)


def torch_build() -> str | None:
    """For which CUDA torch was built, from its files, without an import: '13.0' or 'cpu'; None without it."""
    try:
        version = metadata.distribution("torch").locate_file("torch/version.py")
        text = Path(str(version)).read_text(encoding="utf-8")
    except (metadata.PackageNotFoundError, OSError):
        return None
    match = re.search(r"^cuda(?:: [^=]+)? = ['\"]([\d.]+)['\"]", text, re.MULTILINE)
    return match[1] if match else "cpu"


def system() -> Finding:
    """The operating system: Linux is tested, macOS may work."""
    name = f"{platform.system()} {platform.release()} on {platform.machine()}"
    if platform.system() == "Linux":
        return Finding("system", "green", name)
    return Finding(
        "system", "yellow", f"{name}; Linux is what is tested", "use a Linux machine or a container"
    )
