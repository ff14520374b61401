"""Settings of an entry of `decorrelation`."""

from __future__ import annotations

from resonaut.settings import Settings


class DecorrelationSettings(Settings):
    """An entry of `decorrelation`."""
