"""The JSON Schema of the configuration, generated from the pydantic models.

Editors that know JSON Schema complete and check `config/*.yaml` with it; a test fails when the committed
`workflow/schemas/config.schema.json` differs.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from resonaut import registry, variations
from resonaut.config import Mixture, ScanSettings
from resonaut.datasets import FileDataset
from resonaut.generated import PREFIX, GeneratedDataset
from resonaut.pseudo_settings import PseudoExperiments
from resonaut.sections import METHOD_STAGES, SECTIONS, TASKS, entry_model, section_model
from resonaut.variation_settings import VariationSettings

_NAME = "^[a-z][a-z0-9_]*$"


def _inline(model: type[BaseModel], definitions: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Schema of `model` with its definitions moved to `definitions` under names that start with `prefix`."""
    reference = f"#/$defs/{prefix}.{{model}}"
    schema = model.model_json_schema(ref_template=reference, mode="validation")
    for name, definition in schema.pop("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = definition
    return schema


def _with_keys(schema: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {**schema, "properties": {**properties, **schema["properties"]}}


def _variations(definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """Schemas of the kinds of variations."""
    head = VariationSettings.model_json_schema()["properties"]
    found = []
    for kind in variations.names():
        schema = _inline(variations.load(kind).Settings, definitions, f"variations.{kind}")
        schema = _with_keys(schema, kind={"const": kind}, sigma=head["sigma"])
        found.append({**schema, "required": sorted({"kind", *schema.get("required", [])})})
    return found


def json_schema() -> dict[str, Any]:
    """The schema, with every method that the registry finds."""
    definitions: dict[str, Any] = {}
    label = {"type": "string", "pattern": _NAME, "description": "Truth class; absent for data."}
    datasets = []
    for source in ["files", "table", *registry.names("simulate")]:
        in_files = source in ("files", "table")
        model = FileDataset if in_files else registry.load("simulate", source).Settings
        schema = _inline(model, definitions, f"datasets.{source}")
        if source == "table":
            table = _inline(registry.load("ingest", "table").Settings, definitions, "datasets.table.columns")
            rest = {k: v for k, v in schema["properties"].items() if k not in ("reader", "options")}
            schema["properties"] = {**rest, **table["properties"]}
            schema["required"] = sorted({*schema.get("required", []), *table.get("required", [])})
        schema = _with_keys(schema, source={"const": source}, label=label)
        schema["required"] = sorted({"source", *schema.get("required", [])})
        datasets.append(schema)
    drawn = _inline(GeneratedDataset, definitions, "datasets.generator")
    drawn = _with_keys(drawn, source={"type": "string", "pattern": f"^{PREFIX}[a-z][a-z0-9_]*$"}, label=label)
    datasets.append({**drawn, "required": sorted({"source", *drawn.get("required", [])})})
    properties: dict[str, Any] = {
        "study": {"type": "string", "pattern": _NAME, "description": "Name; all is below results/<study>/."},
        "seed": {"type": "integer", "minimum": 0, "default": 1, "description": "The one seed of the study."},
        "datasets": {"type": "object", "additionalProperties": {"oneOf": datasets}},
        "mixtures": {
            "type": "object",
            "additionalProperties": _inline(Mixture, definitions, "mixtures"),
        },
        "pseudo_experiments": {
            "type": "object",
            "additionalProperties": _inline(PseudoExperiments, definitions, "pseudo_experiments"),
        },
        "scan": _inline(ScanSettings, definitions, "scan"),
        **{
            name: {"type": "object", "additionalProperties": _inline(entry_model(name), definitions, name)}
            for name in TASKS
            if name != "variations"
        },
        "variations": {"type": "object", "additionalProperties": {"oneOf": _variations(definitions)}},
    }
    for stage in SECTIONS:
        properties[stage] = _inline(section_model(stage), definitions, stage)
    for stage in METHOD_STAGES:
        known = {}
        for name in registry.names(stage):
            schema = _inline(registry.load(stage, name).Settings, definitions, f"{stage}.{name}")
            known[name] = _with_keys(schema, kind={"type": "string", "enum": registry.names(stage)})
        properties[stage] = {"type": "object", "properties": known, "description": f"Methods of {stage}."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "resonaut study",
        "type": "object",
        "required": ["study", "datasets"],
        "additionalProperties": False,
        "properties": properties,
        "$defs": dict(sorted(definitions.items())),
    }
