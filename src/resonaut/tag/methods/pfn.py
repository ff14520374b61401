"""Placeholder of the pfn."""

from __future__ import annotations

from resonaut.tag.settings import TaggerSettings


class Settings(TaggerSettings):
    """Settings."""
