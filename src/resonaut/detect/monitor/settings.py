"""Settings of an entry of `monitor`."""

from __future__ import annotations

from resonaut.settings import Settings


class MonitorSettings(Settings):
    """An entry of `monitor`."""
