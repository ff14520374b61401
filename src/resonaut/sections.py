"""Sections of a configuration, and where the settings of each are defined."""

from __future__ import annotations

import importlib

from resonaut.settings import Settings

METHOD_STAGES = ("tag", "generate", "detect")
TASKS = {
    "tune": "resonaut.tag.search.settings.TuneSettings",
    "cluster": "resonaut.tag.segmentation.settings.ClusterSettings",
    "variations": "resonaut.variation_settings.VariationSettings",
    "response": "resonaut.tag.response.settings.ResponseSettings",
    "decorrelation": "resonaut.tag.decorrelation.settings.DecorrelationSettings",
    "uncertainty": "resonaut.tag.uncertainty.settings.UncertaintySettings",
    "explain": "resonaut.tag.explain.settings.ExplainSettings",
    "stability": "resonaut.tag.stability.settings.StabilitySettings",
    "weak": "resonaut.tag.weak.settings.WeakSettings",
    "trigger": "resonaut.tag.trigger.settings.TriggerSettings",
    "monitor": "resonaut.detect.monitor.settings.MonitorSettings",
    "amplification": "resonaut.generate.amplification.settings.AmplificationSettings",
}
SECTIONS = ("ingest", "represent", "hunt", "infer", "review")


def section_model(stage: str) -> type[Settings]:
    """The settings class of a stage, `resonaut.<stage>.settings.<Stage>Settings`, found by name."""
    module = importlib.import_module(f"resonaut.{stage}.settings")
    return getattr(module, f"{stage.capitalize()}Settings")


def entry_model(section: str) -> type[Settings]:
    """The settings class of the entries of a section of named tasks, one of `TASKS`."""
    module, name = TASKS[section].rsplit(".", 1)
    return getattr(importlib.import_module(module), name)
