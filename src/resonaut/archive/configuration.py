"""The configuration as it was used: merged with its defaults, and the slice of each rule."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from resonaut import pseudo_settings, variation_settings
from resonaut.sections import METHOD_STAGES
from resonaut.slices import SLICES

if TYPE_CHECKING:
    from resonaut.config import Study

Json = dict[str, Any]

_OF_TABLE = ("reader", "options")
_OF_SCAN = ("hunt", "evaluate_search", "templates")
_OF_REPRESENTATION = ("features", "images", "clouds")
_OTHERS: dict[str, Callable[[Study], Iterable[str]]] = {
    "simulate": lambda study: [name for name in study.datasets if study.is_simulated(name)],
    "ingest": lambda study: [
        name for name, entry in study.datasets.items() if not (entry.is_generated or entry.overlaid_only)
    ],
    "generate_dataset": lambda study: [name for name, entry in study.datasets.items() if entry.is_generated],
    "background_events": pseudo_settings.generated,
    "mix": lambda study: study.mixtures,
    "pseudo": lambda study: [
        part for name, entry in study.pseudo_experiments.items() for part in entry.names(name)
    ],
    "trials": lambda study: [name for name in study.mixtures if pseudo_settings.compared(study, name)],
    "amplify": lambda study: study.amplification,
    **dict.fromkeys(
        ("generate", "generate_sample", "generate_time", "generate_evaluate"), lambda study: study.generate
    ),
}
"""Whose names the rules of a slice have, where it is not called like their section."""


def merged(study: Study) -> Json:
    """Every key with its value, as a configuration that gives the same study when it is read.

    Args:
        study: as it was read.
    """
    value = study.model_dump(mode="json")
    value["datasets"] = {name: _dataset(entry) for name, entry in value["datasets"].items()}
    value["variations"] = {
        name: {**{key: entry[key] for key in ("kind", "sigma")}, **entry["settings"]}
        for name, entry in value["variations"].items()
    }
    for stage in METHOD_STAGES:
        for name, settings in value[stage].items():
            value[stage][name] = {"kind": study.kinds[stage][name], **settings}
    return value


def _dataset(entry: Json) -> Json:
    settings = dict(entry["settings"])
    if entry["source"] == "table":
        settings |= settings["options"]
        for key in _OF_TABLE:
            del settings[key]
    label = {} if entry["label"] is None else {"label": entry["label"]}
    return {"source": entry["source"], **label, **settings}


def slices(study: Study) -> dict[str, list[Json]]:
    """What each kind of rule is given: `{"names": ..., "settings": ...}` by name of the slice.

    Detectors stand with the mixtures of the configuration, not with each part of pseudo-experiments again.
    """
    return {
        stage: [
            {"names": names, "settings": json.loads(study.slice(stage, **names))}
            for names in sorted(entries, key=lambda names: sorted(names.items()))
        ]
        for stage in SLICES
        if (entries := _names(study, stage))
    }


def _names(study: Study, stage: str) -> list[dict[str, str]]:
    """Names of the rules that have a slice of this kind."""
    if stage == "detect":
        return [{"mixture": mixture, "method": method} for mixture, method in study.searches()]
    if stage == "calibrate":
        entries = study.pseudo_experiments.items()
        return [{"mixture": entry.mixture, "experiments": name} for name, entry in entries]
    if stage in _OF_REPRESENTATION:
        return [{}, *_varied(study, "represent")]
    if stage == "ingest":
        return [*({"dataset": name} for name in _OTHERS[stage](study)), *_varied(study, "ingest")]
    wanted = [name for name in inspect.signature(SLICES[stage]).parameters if name != "study"]
    if not wanted:
        return [] if study.scan is None and stage in _OF_SCAN else [{}]
    found = _OTHERS[stage](study) if stage in _OTHERS else getattr(study, stage)
    return [{wanted[0]: name} for name in found]


def _varied(study: Study, stage: str) -> list[dict[str, str]]:
    """Datasets and variations of them that touch a stage."""
    return [
        {"dataset": dataset, "variation": name}
        for name, entry in study.variations.items()
        for dataset in study.datasets
        if entry.touches == stage and variation_settings.applies(study, name, dataset)
    ]
