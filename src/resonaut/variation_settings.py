"""Settings of an entry of `variations`."""

from __future__ import annotations

from resonaut.settings import Settings


class VariationSettings(Settings):
    """An entry of `variations`."""
