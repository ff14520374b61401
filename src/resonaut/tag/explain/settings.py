"""Settings of an entry of `explain`."""

from __future__ import annotations

from resonaut.settings import Settings


class ExplainSettings(Settings):
    """An entry of `explain`."""
