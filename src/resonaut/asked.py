"""What a study asks for beyond the defaults of the settings' models, for a reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from resonaut.files import canonical_json

Difference = tuple[str, Any, Any, str]
"""Key, value, default and meaning; values as in JSON."""
REQUIRED = "required"
"""In place of the default of a key that has none."""
MAX_BYTES = 28_000
"""Of the list of keys, and of the whole configuration: together they fit into a slice."""
MAX_LENGTH = 300
"""Characters of one value."""


def asked(study: BaseModel) -> dict[str, Any]:
    """What differs from the default, and everything.

    Args:
        study: a validated configuration.

    Returns:
        changed: one {key, value, default, meaning} each, values as text, in the order of the models;
        n_omitted: keys that do not fit; whole: the configuration with its defaults, None if it is too long.
    """
    changed, size = [], 0
    entries = [_entry(*difference) for difference in differences(study)]
    for entry in entries:
        size += len(canonical_json(entry))
        if size > MAX_BYTES:
            break
        changed.append(entry)
    whole = study.model_dump(mode="json")
    fits = len(canonical_json(whole)) <= MAX_BYTES
    return {"changed": changed, "n_omitted": len(entries) - len(changed), "whole": whole if fits else None}


def differences(model: BaseModel, default: Any = None, where: str = "") -> Iterator[Difference]:
    """Keys whose values are not the default.

    Args:
        model: settings.
        default: what they are compared with; the defaults of their class if it is of another.
        where: the path of keys that leads to the settings, with a dot at its end.
    """
    same = type(default) is type(model)
    for name, field in type(model).model_fields.items():
        if field.exclude:
            continue
        value, key = getattr(model, name), f"{where}{name}"
        if same:
            standard = getattr(default, name)
        elif field.is_required():
            standard = REQUIRED
        else:
            standard = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(value, BaseModel):
            yield from _of_section(value, standard, key, field.description or "")
        elif isinstance(value, Mapping) and any(isinstance(entry, BaseModel) for entry in value.values()):
            for entry in sorted(value):
                known = standard.get(entry) if isinstance(standard, Mapping) else None
                yield from _of_section(value[entry], known, f"{key}.{entry}", "")
        elif _plain(value) != _plain(standard):
            yield key, _plain(value), _plain(standard), field.description or ""


def _of_section(value: BaseModel, standard: Any, key: str, meaning: str) -> Iterator[Difference]:
    found = list(differences(value, standard, f"{key}."))
    if not found and not isinstance(standard, BaseModel):
        # It is named, and that is all that is said of it.
        yield key, {}, None, meaning
    yield from found


def _plain(value: Any) -> Any:
    """A value as JSON has it; keys in the order of the models, and names sorted, not as they were written."""
    if isinstance(value, BaseModel):
        shown = value.model_dump(mode="json", exclude_defaults=True)
        return {name: _plain(entry) for name, entry in value if name in shown}
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _entry(key: str, value: Any, default: Any, meaning: str) -> dict[str, str]:
    # Settings of a dataset stand beside its source in a configuration.
    shown = key.replace(".settings.", ".", 1) if key.startswith("datasets.") else key
    return {"key": shown, "value": _text(value), "default": _text(default), "meaning": meaning}


def _text(value: Any) -> str:
    """A value as one writes it in a configuration."""
    if value is None:
        return "none"
    if value == {}:
        return "all defaults"
    flow = yaml.safe_dump(
        _whole(value), default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True
    )
    text = flow.removesuffix("...\n").strip()
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]} … ({len(text)} characters)"


def _whole(value: Any) -> Any:
    """The same with whole numbers written as such: 2500, not 2500.0."""
    if isinstance(value, dict):
        return {key: _whole(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_whole(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value
