"""Settings of an entry of `stability`."""

from __future__ import annotations

from resonaut.settings import Settings


class StabilitySettings(Settings):
    """An entry of `stability`."""
