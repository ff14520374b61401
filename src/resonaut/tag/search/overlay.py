"""Settings with single values replaced: by a trial of the search, or by the best parameters that it found."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut.errors import InputError, nearest
from resonaut.files import read_json

_KEYS = ("tune", "kind", "parameters")


def replaced(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of settings with some values replaced; sections on the way are made where they are absent.

    Args:
        settings: of a tagger, nested mappings.
        parameters: value by path of keys, for example `training.learning_rate`.
    """
    result = copy.deepcopy(dict(settings))
    for path, value in parameters.items():
        *sections, last = path.split(".")
        place = result
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = copy.deepcopy(value)
    return result


def value_at(settings: Mapping[str, Any], path: str) -> Any:
    """The value at a path of keys.

    Raises:
        KeyError: there is none.
    """
    value: Any = settings
    for key in path.split("."):
        if not isinstance(value, Mapping):
            raise KeyError(path)
        value = value[key]
    return value


def overlay(settings: Mapping[str, Any], best: Path, kind: str) -> dict[str, Any]:
    """Settings of a tagger with the best parameters of a search in their places.

    Args:
        settings: all settings of the tagger, defaults included.
        best: JSON that `tag tune` wrote.
        kind: the tagger's file in `tag/methods`.

    Raises:
        MissingFileError: no such file.
        InputError: another file, the search of another kind of tagger, or a parameter that the tagger lacks.
    """
    found = read_json(best)
    if not isinstance(found, dict) or not all(key in found for key in _KEYS):
        raise InputError(
            f"{best}: the best parameters of a search are expected, with the keys {', '.join(_KEYS)}. Give "
            "the file that `resonaut tag tune` wrote."
        )
    if found["kind"] != kind:
        raise InputError(
            f"{best}: the search '{found['tune']}' is of '{found['kind']}', the tagger is '{kind}'. Name a "
            f"search of '{kind}' in its key 'tuned'."
        )
    for path in found["parameters"]:
        try:
            value_at(settings, path)
        except KeyError:
            known = nearest(path.rsplit(".", 1)[-1], settings)
            raise InputError(
                f"{best}: the parameter '{path}' is unknown to '{kind}'. {known} Run `tag tune` again."
            ) from None
    return replaced(settings, found["parameters"])
