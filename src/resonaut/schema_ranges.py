"""Units and ranges of the keys of a configuration, from their settings classes, for `config/README.md`."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

_WORD = r"GeV|sqrt\(GeV\)|kHz|TeV|MeV|radian|mm|ns|s|seconds|pb|fb\^-1|1/fb|MIP|cells|standard deviations"
_UNIT = re.compile(rf"(?:^|, |\(|\bin |\bso many )({_WORD})(?=$|[.,;:)]| in | for | of )")
_OF_COLUMN = re.compile(r"in the (?:feature|column|condition|parameter|variable)'s unit")
_PER_SECOND = re.compile(r"\bin a second\b")


def is_number(annotation: Any) -> bool:
    """Whether values of this type are numbers, or hold some."""
    if annotation in (int, float):
        return True
    return any(is_number(inner) for inner in typing.get_args(annotation) if not isinstance(inner, str))


def is_real(annotation: Any) -> bool:
    """The same of numbers that are no counts."""
    if annotation is float:
        return True
    return any(is_real(inner) for inner in typing.get_args(annotation) if not isinstance(inner, str))


def unit(field: FieldInfo) -> str:
    """The unit of a key, as its description says it; `none` of a pure number, empty of what is no number."""
    if not is_number(field.annotation):
        return ""
    text = field.description or ""
    if _OF_COLUMN.search(text):
        return "the column's"
    if _PER_SECOND.search(text):
        return "1/s"
    match = _UNIT.search(text)
    if match is None:
        return "none"
    return {"seconds": "s", "fb^-1": "1/fb"}.get(match[1], match[1])


def span(field: FieldInfo) -> str:
    """What values a key may have: bounds of numbers, numbers of entries; `any` of a number without bounds.

    >>> from pydantic import Field
    >>> span(FieldInfo.from_annotated_attribute(float, Field(0.1, gt=0, le=1)))
    'above 0, up to 1'
    """
    own = list(field.metadata)
    inner = list(_metadata(field.annotation))
    words = []
    numbers = _bounds([*own, *inner])
    entries = [item.min_length for item in own if type(item).__name__ == "MinLen"]
    if entries and _is_list(field.annotation):
        words.append(f"{entries[0]} or more entries")
    if is_number(field.annotation):
        words.append(numbers or "any")
    return "; ".join(words)


def _is_list(annotation: Any) -> bool:
    return any(
        typing.get_origin(kind) in (tuple, list, dict) for kind in (annotation, *typing.get_args(annotation))
    )


def _metadata(annotation: Any) -> Iterator[Any]:
    """Bounds that stand inside of a type: of the entries of a list, of one of several types."""
    for item in getattr(annotation, "__metadata__", ()):
        yield from item.metadata if isinstance(item, FieldInfo) else (item,)
    for inner in typing.get_args(annotation):
        if not isinstance(inner, str):
            yield from _metadata(inner)


def _bounds(metadata: list[Any]) -> str:
    """`above 0, up to 1` of annotated bounds; the tightest of each side where there are several."""
    lower: list[tuple[float, int]] = []
    upper: list[tuple[float, int]] = []
    for item in metadata:
        for name, strict, side in (("ge", 0, lower), ("gt", 1, lower), ("le", 0, upper), ("lt", -1, upper)):
            value = getattr(item, name, None)
            if value is not None:
                side.append((value, strict))
    words = []
    if lower:
        value, strict = max(lower)
        words.append(f"{'above' if strict else 'from'} {value:g}")
    if upper:
        value, strict = min(upper)
        words.append(f"{'below' if strict else 'up to'} {value:g}")
    return ", ".join(words)
