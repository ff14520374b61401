"""Compare two runs: configuration, software, results, numbers and figures."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resonaut.archive import tolerances
from resonaut.comparing import configuration, headlines
from resonaut.comparing.configuration import Change
from resonaut.comparing.figures import Pair, pairs
from resonaut.comparing.headlines import Headline
from resonaut.comparing.numbers import Leaf, difference, is_number, joint_error, key_of, leaves
from resonaut.comparing.runs import Run
from resonaut.files import read_json

_ENTRY = re.compile(r"(/\d+)+$")


@dataclass(frozen=True)
class Row:
    """A number, or an array of numbers, that differs; of an array the entry that differs most.

    Attributes:
        path: of the result, below `results/<study>`.
        place: JSON pointer, entries of lists by name; of an array, its own.
        old, new: the values; `None` is JSON's null, `ABSENT` says that the place is not there.
        relative, sigmas: see `numbers.Difference`.
        n_differ, n: entries that differ, and all.
    """

    path: str
    place: str
    old: Leaf
    new: Leaf
    relative: float | None
    sigmas: float | None
    n_differ: int = 1
    n: int = 1

    def weight(self) -> tuple[float, float]:
        """Larger for what differs more: what cannot be compared first, then by errors, then relatively."""
        if self.relative is None:
            return (float("inf"), 0.0)
        return (self.sigmas if self.sigmas is not None else self.relative, self.relative)


@dataclass(frozen=True)
class HeadlinePair:
    """A headline number of both runs; None where a run has none."""

    label: str
    old: Headline | None
    new: Headline | None
    differs: bool
    sigmas: float | None


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    Attributes:
        old, new: their names.
        changes: of the configuration.
        versions: of packages that differ, name: (old, new).
        headlines: all of them, equal or not.
        rows: numbers that differ, the largest difference first.
        n_numbers: that both have.
        missing, added: results that only the first, only the second has.
        figures: of either.
    """

    old: str
    new: str
    changes: list[Change]
    versions: dict[str, tuple[str, str]]
    headlines: list[HeadlinePair]
    rows: list[Row]
    n_numbers: int
    missing: list[str]
    added: list[str]
    figures: list[Pair]

    @property
    def equal(self) -> bool:
        """Whether all numbers agree and both have the same results; figures and versions do not count."""
        return not (self.changes or self.rows or self.missing or self.added)


def compare_result(path: str, old: Any, new: Any, relative: float | None = None) -> tuple[list[Row], int]:
    """Numbers and texts of a result that differ beyond the tolerance of their kind, and how many there are.

    Args:
        path: below `results/<study>`.
        old, new: as read from JSON.
        relative: replaces the relative tolerances.
    """
    before, after = leaves(old, named=True), leaves(new, named=True)
    groups: dict[str, list[Row]] = {}
    sizes: dict[str, int] = {}
    for place in [*before, *(place for place in after if place not in before)]:
        array = _ENTRY.sub("", place) or place
        sizes[array] = sizes.get(array, 0) + 1
        a = before.get(place, configuration.ABSENT)
        b = after.get(place, configuration.ABSENT)
        if a == b and type(a) is type(b):
            continue
        if is_number(a) and is_number(b) and _agree(path, place, a, b, relative):
            continue
        change = difference(a, b, joint_error(before, after, place), key_of(place))
        groups.setdefault(array, []).append(Row(path, place, a, b, change.relative, change.sigmas))
    rows = []
    for array, entries in groups.items():
        worst = max(entries, key=Row.weight)
        place = worst.place if sizes[array] == 1 else array
        rows.append(
            Row(
                *(path, place, worst.old, worst.new, worst.relative, worst.sigmas),
                *(len(entries), sizes[array]),
            )
        )
    return rows, sum(is_number(leaf) for place, leaf in before.items() if place in after)


def _agree(path: str, place: str, old: Leaf, new: Leaf, relative: float | None) -> bool:
    kind = tolerances.kind(path, place, old if isinstance(old, float) else new)
    return tolerances.within(kind, old, new, relative)


def compare(old: Run, new: Run, relative: float | None = None) -> Comparison:
    """Compare two runs.

    Args:
        relative: tolerance of numbers that are no counts; by default that of their kind
            (`archive.tolerances`).
    """
    before, after = _read(old.results()), _read(new.results())
    rows: list[Row] = []
    n_numbers = 0
    for path in sorted(set(before) & set(after)):
        found, number = compare_result(path, before[path], after[path], relative)
        rows += found
        n_numbers += number
    if old.configuration is not None and new.configuration is not None:
        changes = configuration.changes(old.configuration, new.configuration)
    else:
        changes = configuration.changes_of_results(before, after)
    rows.sort(key=Row.weight, reverse=True)
    return Comparison(
        old=old.name,
        new=new.name,
        changes=changes,
        versions=_versions(_used(before, old.environment), _used(after, new.environment)),
        headlines=_headlines(before, after, relative),
        rows=rows,
        n_numbers=n_numbers,
        missing=sorted(set(before) - set(after)),
        added=sorted(set(after) - set(before)),
        figures=pairs(old.figures(), new.figures()),
    )


def _read(paths: Mapping[str, Path]) -> dict[str, Any]:
    return {name: read_json(path) for name, path in paths.items()}


def _headlines(
    before: Mapping[str, Any], after: Mapping[str, Any], relative: float | None
) -> list[HeadlinePair]:
    old, new = headlines.headlines(before), headlines.headlines(after)
    found = []
    for label in [*old, *(label for label in new if label not in old)]:
        a, b = old.get(label), new.get(label)
        if a is None or b is None:
            found.append(HeadlinePair(label, a, b, True, None))
            continue
        if not (is_number(a.value) and is_number(b.value)):
            found.append(HeadlinePair(label, a, b, a.value != b.value, None))
            continue
        errors = [entry.error for entry in (a, b) if entry.error is not None]
        error = 1.0 if a.unit == "sigma" else math.hypot(*errors) if errors else None
        change = difference(a.value, b.value, error, key_of(a.pointer))
        differs = not _agree(a.path, a.pointer, a.value, b.value, relative)
        found.append(HeadlinePair(label, a, b, differs, change.sigmas))
    return found


def _used(results: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, str]:
    """Versions that results were made with: of an archive's environment, else from their provenance."""
    found: dict[str, set[str]] = {}
    provenances = (result.get("provenance") for result in results.values() if isinstance(result, Mapping))
    sources: Iterable[Any] = [entry.get("versions") for entry in provenances if isinstance(entry, Mapping)]
    if isinstance(environment.get("versions"), Mapping):
        sources = [environment["versions"]]
    for versions in sources:
        for name, version in (versions or {}).items():
            found.setdefault(name, set()).add(str(version))
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _versions(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    names = sorted(set(old) & set(new))
    return {name: (old[name], new[name]) for name in names if old[name] != new[name]}
