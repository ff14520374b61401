"""`config/README.md`, written from the pydantic models: every key, type, default, unit, range, meaning."""

from __future__ import annotations

import types
import typing
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from resonaut import registry, variations
from resonaut.config import Mixture, ScanSettings
from resonaut.datasets import FileDataset
from resonaut.generated import GeneratedDataset
from resonaut.pseudo_settings import PseudoExperiments
from resonaut.schema_ranges import span, unit
from resonaut.sections import METHOD_STAGES, SECTIONS, TASKS, entry_model, section_model
from resonaut.variation_settings import VariationSettings

_HEAD = """# Every key of a study's configuration

Written by `make schema` from the settings classes; a test fails when it differs. Energies are in GeV, angles
in radian. Unknown keys are refused and the nearest known one is named. Numbers may be written as `1e-3`
or `5e4`.

Unit `none` is that of counts, fractions and other pure numbers. Ranges are those of each number; `any` has no
bounds, but keys may have to fit each other, which is said where they do not.

| key | type | default | unit | range | meaning |
|---|---|---|---|---|---|
| `study` | name | required | | a-z, 0-9 and _ | Everything is written below `results/<study>/`. |
| `seed` | integer | 1 | none | from 0 | The one seed; all others are derived from it and from names. |
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


def _row(key: str, kind: str, default: str, field: Any) -> str:
    cells = (f"`{key}`", kind, default, unit(field), span(field), _text(field.description))
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def _rows(model: type[BaseModel], prefix: str) -> list[str]:
    rows = []
    for name, field in model.model_fields.items():
        key = f"{prefix}.{name}" if prefix else name
        inner = _inner(field.annotation)
        if inner is not None:
            listed = typing.get_origin(field.annotation) in (tuple, list)
            if listed and field.description:
                rows.append(_row(key, "list of sections", _default(field), field))
            if not listed and field.default is None:
                rows.append(f"| `{key}` | section | `off` | | | {_text(_first_line(inner))} |")
            named = typing.get_origin(field.annotation) is dict
            rows += _rows(inner, f"{key}[]" if listed else f"{key}.<name>" if named else key)
            continue
        rows.append(_row(key, _type(field.annotation), _default(field), field))
    return rows


def _section(title: str, text: str, model: type[BaseModel], prefix: str = "") -> str:
    return _table(title, text.strip().splitlines()[0], _rows(model, prefix))


def _table(title: str, text: str, rows: Sequence[str]) -> str:
    head = ["", f"## {title}", "", text]
    if rows:
        head += ["", "| key | type | default | unit | range | meaning |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _key(row: str) -> str:
    return row.split("`")[1]


def _methods(stage: str) -> list[str]:
    """Sections of the methods of a stage; what most of them share stands in one section before."""
    modules = {name: registry.load(stage, name) for name in registry.names(stage)}
    rows = {name: _rows(module.Settings, "") for name, module in modules.items()}
    times = Counter(row for own in rows.values() for row in own)
    shared = [row for row, count in times.items() if count > max(1, len(rows) / 2)]
    if len(shared) * len(rows) < 50:
        shared = []
    parts = []
    if shared:
        what = f"What most methods of `{stage}` share; where one differs, its own section says so."
        parts.append(_table(f"`{stage}.<name>`", what, shared))
    for name, module in modules.items():
        text = (module.__doc__ or "").strip().splitlines()[0]
        keys = {_key(row) for row in rows[name]}
        without = [f"`{_key(row)}`" for row in shared if _key(row) not in keys]
        if without:
            text += f" It has no {', '.join(without)}."
        parts.append(_table(f"`{stage}.{name}`", text, [row for row in rows[name] if row not in shared]))
    return parts


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
    parts.append(_section("`source: generator:<name>`", GeneratedDataset.__doc__ or "", GeneratedDataset))
    parts.append("\n# Readers: `datasets.<name>.options`\n")
    for name in registry.names("ingest"):
        settings = registry.load("ingest", name).Settings
        if settings.model_fields and name != "table":
            parts.append(_section(f"`reader: {name}`", settings.__doc__ or "", settings))
    parts.append("\n# Sections\n")
    for name in SECTIONS[:2]:
        parts.append(_section(f"`{name}`", section_model(name).__doc__ or "", section_model(name)))
    parts.append(_section("`mixtures.<name>`", Mixture.__doc__ or "", Mixture))
    parts.append(_section("`pseudo_experiments.<name>`", PseudoExperiments.__doc__ or "", PseudoExperiments))
    parts.append(_section("`scan`", ScanSettings.__doc__ or "", ScanSettings))
    for name in SECTIONS[2:]:
        parts.append(_section(f"`{name}`", section_model(name).__doc__ or "", section_model(name)))
    parts.append(
        "\n# Methods\n\nA method's key is its name; `kind: <file>` names its file where the two differ, "
        "so that one method can run with two settings.\n"
    )
    for stage in METHOD_STAGES:
        parts += _methods(stage)
    text = f"A systematic change of the events; `kind` is one of {', '.join(variations.names())}."
    rows = [row for row in _rows(VariationSettings, "") if "`settings`" not in row]
    parts.append(_table("`variations.<name>`", text, rows))
    for name in variations.names():
        settings = variations.load(name).Settings
        parts.append(_section(f"`variations.<name>`, `kind: {name}`", settings.__doc__ or "", settings))
    for name in (name for name in TASKS if name != "variations"):
        parts.append(_section(f"`{name}.<name>`", entry_model(name).__doc__ or "", entry_model(name)))
    return "".join(parts)
