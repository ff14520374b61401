"""A toy method in the registry."""

from __future__ import annotations

import pytest
import toy_generator

from resonaut import registry


@pytest.fixture
def toy(monkeypatch):
    """The method `toy` of the stage generate, while a test runs."""
    load, names = registry.load, registry.names
    own = lambda stage, name: stage == "generate" and name == "toy"  # noqa: E731
    monkeypatch.setattr(
        registry,
        "load",
        lambda stage, name, where="": toy_generator if own(stage, name) else load(stage, name, where),
    )
    monkeypatch.setattr(
        registry, "names", lambda stage: [*names(stage), *(["toy"] if stage == "generate" else [])]
    )
    toy_generator.SEEN.clear()
    return toy_generator
