"""Settings of an entry of `uncertainty`."""

from __future__ import annotations

from resonaut.settings import Settings


class UncertaintySettings(Settings):
    """An entry of `uncertainty`."""
