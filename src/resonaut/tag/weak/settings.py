"""Settings of an entry of `weak`."""

from __future__ import annotations

from resonaut.settings import Settings


class WeakSettings(Settings):
    """An entry of `weak`."""
