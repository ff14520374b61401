"""Checks of what an archive says of the study: configuration, software, seeds and numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from resonaut import __version__
from resonaut import config as study_config
from resonaut.archive import layout, tolerances
from resonaut.archive import source as sources
from resonaut.archive.verify import Contents, Findings, listed
from resonaut.comparing.numbers import is_number, leaves
from resonaut.comparing.runs import Run
from resonaut.errors import ConfigError, MissingFileError
from resonaut.files import canonical_json, read_json

_LOCKED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def _made_with(contents: Contents) -> str:
    environment = contents.json(layout.ENVIRONMENT)
    commit = environment.get("commit") or "no commit"
    return f"resonaut {environment.get('resonaut')} ({commit})"


def configuration(contents: Contents) -> Findings:
    """The merged configuration is one of this version, and every key of it has its value."""
    found = Findings(f"study '{contents.study}', read by resonaut {__version__}")
    found.fix = f"use the version that made it: {_made_with(contents)}, or `source/` of the archive"
    try:
        study = _study(contents)
    except ConfigError as error:
        found.problems = [f"resonaut {__version__} cannot read it: {error}"]
        return found
    given = contents.configuration
    absent = [key for key in type(study).model_fields if key != "kinds" and key not in given]
    for key in absent:
        found.problems.append(f"{layout.CONFIGURATION}: {key} is not written out")
    return found


def _study(contents: Contents) -> study_config.Study:
    """The study, without a look at input files: they need not be here.

    Raises:
        ConfigError: this version cannot read the configuration.
    """
    return study_config.parse(contents.configuration, layout.CONFIGURATION)


def settings(contents: Contents) -> Findings:
    """Each slice is what the merged configuration gives."""
    study = _study(contents)
    found = Findings()
    found.fix = f"use the version that made it ({_made_with(contents)}), or make the archive again"
    number = 0
    for name, path in contents.below(layout.SETTINGS).items():
        stage = name.removesuffix(".json")
        for entry in read_json(path):
            number += 1
            words = ", ".join(f"{key} {value}" for key, value in entry["names"].items())
            try:
                same = study.slice(stage, **entry["names"]) == canonical_json(entry["settings"])
            except MissingFileError as error:
                found.doubts.append(f"{stage} ({words}) cannot be checked without the inputs: {error}")
                continue
            found.require(
                same, f"{layout.SETTINGS}/{name} ({words}) is not what {layout.CONFIGURATION} gives"
            )
    found.looked = f"{number} slices are those of the configuration"
    return found


def environment(contents: Contents) -> Findings:
    """The environment is complete, and the sources are those that it names."""
    value = contents.json(layout.ENVIRONMENT)
    found = Findings(_made_with(contents))
    given = value["archive_format"]
    found.require(given == layout.FORMAT, f"format {given}; this version reads {layout.FORMAT}")
    for key in ("versions", "platform"):
        found.require(isinstance(value.get(key), dict) and value[key], f"{key} is empty")
    commit = value["commit"]
    found.require(commit is None or _COMMIT.fullmatch(commit), f"{commit!r} is no commit of git")
    found.require(value["dirty"] in (None, True, False), "dirty is neither true nor false")
    digest = sources.digest(contents.below(layout.SOURCE))
    found.require(digest == value["source_sha256"], "source/ is not what source_sha256 says")
    if value["dirty"]:
        found.doubts.append(f"made from sources that differ from the commit: {listed(value['changed'])}")
    elif commit is None:
        found.doubts.append("made outside git: source/ is the only record of the sources")
    return found


def locked(contents: Contents) -> Findings:
    """The lock file names a version each, and those were installed."""
    lines = [line.split("#")[0].strip() for line in contents.text(layout.LOCK).splitlines()]
    lines = [line for line in lines if line and not line.startswith("-")]
    found = Findings(f"{len(lines)} packages, all installed as locked")
    installed = contents.json(layout.ENVIRONMENT)["versions"]
    for line in lines:
        match = _LOCKED.match(line)
        if match is None:
            found.problems.append(f"{layout.LOCK}: 'name==version' is expected, found {line[:60]!r}")
            continue
        name, version = re.sub(r"[-_.]+", "-", match[1]).lower(), match[2]
        if name in installed and _public(installed[name]) != _public(version):
            found.doubts.append(f"{name} {version} is locked, {installed[name]} was installed")
    return found


def _public(version: str) -> str:
    """A version without what tells builds apart (`2.4.1+cpu`)."""
    return version.split("+")[0]


def bill(contents: Contents) -> Findings:
    """The bill of materials is CycloneDX, and its versions are those that were installed."""
    value = contents.json(layout.BILL)
    found = Findings()
    found.require(value.get("bomFormat") == "CycloneDX", "bomFormat is not CycloneDX")
    found.require(str(value.get("specVersion")) in ("1.4", "1.5", "1.6"), "specVersion is not 1.4 to 1.6")
    components = value.get("components", [])
    found.require(components, "no components")
    installed = contents.json(layout.ENVIRONMENT)["versions"]
    for component in components:
        name, version = component["name"], component["version"]
        found.require(component.get("type"), f"{name} has no type")
        known = installed.get(re.sub(r"[-_.]+", "-", name).lower())
        if known is not None:
            found.require(known == version, f"{name} {version} is in the bill, {known} was installed")
    found.looked = f"{len(components)} components"
    return found


def seeds(contents: Contents) -> Findings:
    """The seeds derive from the study's, by the rule of `resonaut.seeds`."""
    from resonaut.seeds import integer_seed

    value = contents.json(layout.SEEDS)
    found = Findings()
    wanted = contents.configuration.get("seed")
    found.require(value["seed"] == wanted, f"seed {value['seed']}; the configuration has {wanted}")
    number = 0
    for output, entries in value["derived"].items():
        for entry in entries:
            number += 1
            again = integer_seed(int(entry["seed"]), *entry["names"], bits=64)
            found.require(str(again) == entry["value"], f"{output}: {entry['names']} gives another seed")
    for key in ("incomplete", "unrecorded"):
        if value.get(key):
            found.doubts.append(f"{len(value[key])} results with {key} seeds, for example {value[key][0]}")
    found.looked = f"{number} seeds derive from {wanted}"
    return found


def numbers(contents: Contents) -> Findings:
    """`numbers.json` holds every number of the results, and no other."""
    value = contents.json(layout.NUMBERS)
    given: Mapping[str, Mapping[str, Any]] = value["numbers"]
    found = Findings()
    found.require(value["format"] == 1, f"format {value['format']}; this version reads 1")
    unknown = set(value["tolerances"]) - set(tolerances.TOLERANCES)
    for kind in sorted(unknown):
        found.problems.append(f"tolerance '{kind}' is not known to resonaut {__version__}")
    run = Run("", contents.study, contents.path(f"{layout.RESULTS}/{contents.study}"))
    results = {
        layout.archive_name(f"{layout.RESULTS}/{contents.study}/{name}"): path
        for name, path in run.results().items()
    }
    for path in sorted(set(given) ^ set(results)):
        where = "has no numbers" if path in results else "is missing, its numbers are listed"
        found.problems.append(f"{path} {where}")
    total = 0
    for path in sorted(set(given) & set(results)):
        there = {place: leaf for place, leaf in leaves(read_json(results[path])).items() if is_number(leaf)}
        total += len(there)
        for place in there.keys() ^ given[path].keys():
            found.problems.append(f"{path}{place} is in one of the two only")
        for place in there.keys() & given[path].keys():
            number, kind = given[path][place]
            # As JSON, for true is not 1 there.
            same = json.dumps(number) == json.dumps(there[place])
            found.require(same, f"{path}{place} is {there[place]}, listed is {number}")
            found.require(kind in value["tolerances"], f"{path}{place}: no tolerance '{kind}'")
    found.problems.sort()
    found.looked = f"{total} numbers are those of the results"
    return found


CHECKS = {
    "configuration": configuration,
    "settings of rules": settings,
    "environment and sources": environment,
    "lock file": locked,
    "bill of materials": bill,
    "seeds": seeds,
    "numbers": numbers,
}
