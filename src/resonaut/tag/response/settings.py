"""Settings of an entry of `response`."""

from __future__ import annotations

from resonaut.settings import Settings


class ResponseSettings(Settings):
    """An entry of `response`."""
