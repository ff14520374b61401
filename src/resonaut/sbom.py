"""The bill of materials of the software that made a study, as CycloneDX 1.6.

Components are what the lock file names and what resonaut needs according to the metadata of the installed
packages; a version is the installed one, and the locked one where the package is not installed. The bill
holds no time and no serial number, so that one installation gives the same bytes each time.
"""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from resonaut import __version__
from resonaut.errors import InputError, MissingFileError

SPEC_VERSION = "1.6"
LOCK = "envs/requirements.lock"
_ROOT = f"pkg:pypi/resonaut@{__version__}"


def bill(lock: str | Path | None = None) -> dict[str, Any]:
    """The bill of materials as CycloneDX JSON (https://cyclonedx.org/docs/1.6/json/).

    Args:
        lock: the file of locked versions; by default the one beside the sources, if there is one.

    Returns:
        A mapping of JSON values, sorted: equal for equal installations and lock files. The scope of a
        component is `required` where resonaut needs it to run, `optional` where tests or extras do. The
        property `resonaut:locked` holds the version of the lock file.

    Raises:
        MissingFileError: no such lock file.
        InputError: a line of it is not `name==version`.
    """
    locked = read_lock(lock) if lock is not None else _own_lock()
    needed = _closure("resonaut")
    names = sorted({*needed, *locked} - {"resonaut"})
    installed = {name: _installed(name) for name in names}
    version = {
        name: installed[name].version if installed[name] else locked[name]
        for name in names
        if installed[name] or name in locked
    }
    reference = {name: _purl(name, number) for name, number in version.items()}
    components = [
        _component(name, version[name], installed[name], locked.get(name), name in needed) for name in version
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {"component": _application()},
        "components": [_interpreter(), *components],
        "dependencies": _graph(reference, needed),
    }


def read_lock(path: str | Path) -> dict[str, str]:
    """Versions in a lock file, by the normalised name of the package (PEP 503).

    Raises:
        MissingFileError: no such file.
        InputError: a line is not `name==version`.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such lock file.") from None
    found = {}
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].partition(";")[0].strip()
        if not text or text.startswith("--"):
            continue
        match = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([A-Za-z0-9.+!-]+)", text)
        if match is None:
            raise InputError(f"{path}: line {number}: 'name==version' is expected, got {line!r}.")
        found[normalised(match[1])] = match[2]
    return found


def normalised(name: str) -> str:
    """The name of a package as indices compare it (PEP 503).

    >>> normalised("Ruamel.yaml__clib")
    'ruamel-yaml-clib'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _own_lock() -> dict[str, str]:
    path = Path(__file__).parents[2] / LOCK
    return read_lock(path) if path.exists() else {}


@functools.cache
def _installed(name: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _requirements(name: str, extras: Iterable[str] = ()) -> list[tuple[str, frozenset[str]]]:
    """(package, its extras) that an installed package asks for on this machine."""
    from packaging.requirements import Requirement

    distribution = _installed(name)
    wanted = []
    for text in (distribution.requires or []) if distribution else []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            wanted.append((normalised(requirement.name), frozenset(requirement.extras)))
    return wanted


def _closure(root: str) -> dict[str, set[str]]:
    """What a package needs to run, directly and through others: name -> what each asks for."""
    found: dict[str, set[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(root, frozenset[str]())]
    while waiting:
        item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        asked = [entry for entry in _requirements(*item) if _installed(entry[0])]
        found.setdefault(item[0], set()).update(name for name, _ in asked)
        waiting += asked
    return found


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{quote(version, safe='')}"


def _application() -> dict[str, Any]:
    return {
        "type": "application",
        "bom-ref": _ROOT,
        "name": "resonaut",
        "version": __version__,
        "licenses": [{"license": {"id": "BSD-3-Clause"}}],
        "purl": _ROOT,
    }


def _interpreter() -> dict[str, Any]:
    return {
        "type": "platform",
        "bom-ref": "python",
        "name": platform.python_implementation(),
        "version": platform.python_version(),
        "scope": "required",
    }


def _component(
    name: str,
    version: str,
    distribution: importlib.metadata.Distribution | None,
    locked: str | None,
    required: bool,
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(name, version),
        "name": distribution.metadata["Name"] if distribution else name,
        "version": version,
        "scope": "required" if required else "optional",
    }
    licences = _licences(distribution) if distribution else []
    if licences:
        entry["licenses"] = licences
    entry["purl"] = _purl(name, version)
    properties = {"resonaut:installed": "true" if distribution else "false", "resonaut:locked": locked}
    entry["properties"] = [{"name": key, "value": text} for key, text in properties.items() if text]
    return entry


def _licences(distribution: importlib.metadata.Distribution) -> list[dict[str, Any]]:
    """The licence: as an expression (PEP 639) where the package states one, else in its own words."""
    metadata = distribution.metadata
    if metadata.get("License-Expression"):
        return [{"expression": metadata["License-Expression"].strip()}]
    classifiers = [
        text.rsplit(" :: ", 1)[1]
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License :: ") and text.count(" :: ") > 1
    ]
    words = " ".join((metadata.get("License") or "").split())
    # Some packages put the whole text of the licence here.
    names = sorted(set(classifiers)) or ([words] if 0 < len(words) <= 80 else [])
    return [{"license": {"name": name}} for name in names]


def _graph(reference: dict[str, str], needed: dict[str, set[str]]) -> list[dict[str, Any]]:
    def of(name: str) -> list[str]:
        asked = needed[name] if name in needed else {item for item, _ in _requirements(name)}
        return sorted(reference[item] for item in asked if item in reference)

    entries = [{"ref": _ROOT, "dependsOn": sorted([*of("resonaut"), "python"])}]
    return entries + [{"ref": reference[name], "dependsOn": of(name)} for name in sorted(reference)]
