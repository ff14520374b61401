"""Placeholder of the vae."""

from __future__ import annotations

from resonaut.generate.settings import GeneratorSettings


class Settings(GeneratorSettings):
    """Settings."""
