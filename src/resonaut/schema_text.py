"""`config/README.md`, written from the pydantic models: every key, type, default and meaning."""

from __future__ import annotations

import types
import typing
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from resonaut import registry
from resonaut.config import METHOD_STAGES, SECTIONS, Mixture, ScanSettings, section_model
from resonaut.datasets import FileDataset

_HEAD = """# Every key of a study's configuration

Written by `make schema` from the settings classes; a test fails when it differs. Energies are in GeV, angles
in radian. Unknown keys are refused and the nearest known one is named. Numbers may be written as `1e-3`
or `5e4`.

| key | type | default | meaning |
|---|---|---|---|
| `study` | name | required | Everything is written below `results/<study>/`. |
| `seed` | integer | 1 | The one seed; all others are derived from it and from names. |
"""


def _type(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return " \\| ".join(f"`{value}`" for value in typing.get_args(annotation))
    if origin in (typing.Union, types.UnionType):
        parts = [_type(part) for part in typing.get_args(annotation) if part is not type(None)]
        return " or ".join(parts)
    if origin is typing.Annotated:
        return _type(typing.get_args(annotation)[0])
    if origin in (tuple, list):
        return f"list of {_type(typing.get_args(annotation)[0])}"
    if origin is dict:
        return f"mapping to {_type(typing.get_args(annotation)[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    names = {int: "integer", float: "number", str: "text", bool: "true or false", Any: "values"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "absent"
    if isinstance(value, tuple):
        value = list(value)
    return f"`{value}`".replace("'", "").lower() if isinstance(value, bool) else f"`{value}`".replace("'", "")


def _text(description: str | None) -> str:
    return (description or "").replace("|", "\\|")


def _inner(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *typing.get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _rows(model: type[BaseModel], prefix: str) -> list[str]:
    rows = []
    for name, field in model.model_fields.items():
        key = f"{prefix}.{name}" if prefix else name
        inner = _inner(field.annotation)
        if inner is not None:
            listed = typing.get_origin(field.annotation) in (tuple, list)
            if not listed and field.default is None:
                rows.append(f"| `{key}` | section | `off` | {_text(_first_line(inner))} |")
            rows += _rows(inner, f"{key}[]" if listed else key)
            continue
        rows.append(
            f"| `{key}` | {_type(field.annotation)} | {_default(field)} | {_text(field.description)} |"
        )
    return rows


def _section(title: str, text: str, model: type[BaseModel], prefix: str = "") -> str:
    head = [
        "",
        f"## {title}",
        "",
        text.strip().splitlines()[0],
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *_rows(model, prefix)]) + "\n"


def markdown() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    label = "Each dataset has `source` and `label` (truth class; absent for data) and the keys of its source."
    parts.append(f"\n# Datasets: `datasets.<name>`\n\n{label}\n")
    parts.append(_section("`source: files`", FileDataset.__doc__ or "", FileDataset))
    table = registry.load("ingest", "table")
    also = "The keys of `source: files` but `reader` and `options`, and the columns of the table."
    parts.append(_section("`source: table`", also, table.Settings))
    for name in registry.names("simulate"):
        module = registry.load("simulate", name)
        parts.append(_section(f"`source: {name}`", module.__doc__ or "", module.Settings))
    parts.append("\n# Readers: `datasets.<name>.options`\n")
    for name in registry.names("ingest"):
        settings = registry.load("ingest", name).Settings
        if settings.model_fields and name != "table":
            parts.append(_section(f"`reader: {name}`", settings.__doc__ or "", settings))
    parts.append("\n# Sections\n")
    for name in SECTIONS[:2]:
        parts.append(_section(f"`{name}`", section_model(name).__doc__ or "", section_model(name)))
    parts.append(_section("`mixtures.<name>`", Mixture.__doc__ or "", Mixture))
    parts.append(_section("`scan`", ScanSettings.__doc__ or "", ScanSettings))
    for name in SECTIONS[2:]:
        parts.append(_section(f"`{name}`", section_model(name).__doc__ or "", section_model(name)))
    parts.append(
        "\n# Methods\n\nA method's key is its name; `kind: <file>` names its file where the two differ, "
        "so that one method can run with two settings.\n"
    )
    for stage in METHOD_STAGES:
        for name in registry.names(stage):
            module = registry.load(stage, name)
            parts.append(_section(f"`{stage}.{name}`", module.__doc__ or "", module.Settings))
    return "".join(parts)
