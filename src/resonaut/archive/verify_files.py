"""Checks of the files of an archive: which there are, and their checksums."""

from __future__ import annotations

import re

from resonaut.archive import layout
from resonaut.archive.verify import Contents, Findings
from resonaut.errors import InputError
from resonaut.files import sha256

_SUM = re.compile(r"([0-9a-f]{64})  (.+)")
_TAMPERED = "a file was changed after packing: get the archive again from where it came"


def sums(contents: Contents, name: str) -> dict[str, str]:
    """Read a list of checksums: path -> SHA-256.

    Raises:
        InputError: a line is of another form, or the list is not sorted or names a file twice.
    """
    found: dict[str, str] = {}
    lines = contents.text(name).splitlines()
    for number, line in enumerate(lines, start=1):
        match = _SUM.fullmatch(line)
        if match is None:
            raise InputError(f"{name}:{number}: '<sha256>  <name>' is expected, found {line[:80]!r}.")
        if match[2] in found:
            raise InputError(f"{name}:{number}: {match[2]} is there twice.")
        found[match[2]] = match[1]
    if list(found) != sorted(found):
        raise InputError(f"{name}: not sorted by name.")
    return found


def names(contents: Contents) -> Findings:
    """Every file belongs to the layout and has a name that every system can hold."""
    found = Findings(f"{len(contents.names)} files, all of the layout")
    for name in contents.names:
        found.require(layout.is_safe(name), f"{name!r} is no safe name")
        found.require(layout.entry_of(name), f"{name} is no part of the layout")
    results = f"{layout.RESULTS}/{contents.study}/"
    for name in contents.below(layout.RESULTS):
        full = f"{layout.RESULTS}/{name}"
        found.require(full.startswith(results), f"{full} is no result of the study '{contents.study}'")
    return found


def completeness(contents: Contents) -> Findings:
    """Every file and folder that the layout requires is there."""
    required = [entry for entry in layout.ENTRIES if entry.required]
    found = Findings(f"all {len(required)} required files and folders")
    for entry in required:
        there = any(entry.holds(name) for name in contents.names)
        found.require(there, f"{entry.path} is missing ({entry.what})")
    found.doubts = [
        f"{entry.path} is missing ({entry.what})"
        for entry in layout.ENTRIES
        if not entry.required and not any(map(entry.holds, contents.names))
    ]
    return found


def checksums(contents: Contents) -> Findings:
    """`SHA256SUMS` names every other file, and each has its checksum."""
    listed = sums(contents, layout.SUMS)
    found = Findings(f"{len(listed)} files", fix=_TAMPERED)
    there = set(contents.names) - {layout.SUMS}
    for name in sorted(there - set(listed)):
        found.problems.append(f"{name} has no checksum")
    for name in sorted(set(listed) - there):
        found.problems.append(f"{name} has a checksum and is missing")
    for name in sorted(there & set(listed)):
        found.require(sha256(contents.path(name)) == listed[name], f"{name} was changed")
    return found


def study_checksums(contents: Contents) -> Findings:
    """Results have the checksums of `SHA256SUMS.study`, inputs those of `inputs.json`."""
    listed = sums(contents, layout.STUDY_SUMS)
    found = Findings(f"{len(listed)} inputs and outputs of the study")
    packed = 0
    for path, file in contents.results().items():
        full = f"{layout.RESULTS}/{contents.study}/{path}"
        if full in listed:
            packed += 1
            found.require(sha256(file) == listed[full], f"{full} is not the file that the study made")
        elif not path.endswith(".run.json"):
            found.problems.append(f"{full} has no checksum in {layout.STUDY_SUMS}")
    for entry in contents.json(layout.INPUTS):
        digest = entry["sha256"]
        found.require(
            digest is None or listed.get(entry["path"]) == digest,
            f"{entry['path']}: {layout.INPUTS} and {layout.STUDY_SUMS} disagree",
        )
    found.looked += f", {packed} of them in the archive"
    return found


CHECKS = {
    "names": names,
    "completeness": completeness,
    "checksums": checksums,
    "checksums of the study": study_checksums,
}
