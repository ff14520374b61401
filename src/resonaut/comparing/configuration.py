"""What two runs were asked differently: keys of the configuration with their old and new values.

Where both runs are archives, their merged configurations are compared. A folder of results holds no
configuration, but each result the slice that made it: these are compared then, a key once, with the results
that it made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ABSENT = "(absent)"


@dataclass(frozen=True)
class Change:
    """A key that two runs were given differently.

    Attributes:
        key: with dots between its parts.
        old, new: values; `ABSENT` where the key is not there.
        results: whose settings these are; empty for a merged configuration.
    """

    key: str
    old: Any
    new: Any
    results: tuple[str, ...] = ()


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """A nested mapping as one of dotted keys; lists of mappings by position, other lists are values."""
    if isinstance(value, Mapping) and value:
        entries = value.items()
    elif isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
        entries = enumerate(value)
    else:
        return {prefix: value}
    found: dict[str, Any] = {}
    for key, inner in entries:
        found |= flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    return found


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Keys of two configurations whose values differ, sorted."""
    before, after = flatten(old), flatten(new)
    keys = sorted({*before, *after} - {""})
    pairs = [(key, before.get(key, ABSENT), after.get(key, ABSENT)) for key in keys]
    return [Change(key, a, b) for key, a, b in pairs if a != b]


def changes_of_results(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The same from the settings in the provenance of results that both runs have.

    Args:
        old, new: results as read from JSON, by path.
    """
    found: dict[str, tuple[Change, list[str]]] = {}
    for path in sorted(set(old) & set(new)):
        for change in changes(_settings(old[path]), _settings(new[path])):
            kept = found.setdefault(f"{change.key}\0{change.old!r}\0{change.new!r}", (change, []))
            kept[1].append(path)
    return [
        Change(change.key, change.old, change.new, tuple(paths))
        for change, paths in sorted(found.values(), key=lambda entry: entry[0].key)
    ]


def _settings(result: Any) -> Mapping[str, Any]:
    provenance = result.get("provenance") if isinstance(result, Mapping) else None
    settings = provenance.get("settings") if isinstance(provenance, Mapping) else None
    return settings if isinstance(settings, Mapping) else {}
