"""Settings of an entry of `trigger`."""

from __future__ import annotations

from resonaut.settings import Settings


class TriggerSettings(Settings):
    """An entry of `trigger`."""
