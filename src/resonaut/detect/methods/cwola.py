"""Placeholder of CWoLa."""

from __future__ import annotations

from pydantic import Field

from resonaut.detect.settings import DetectorSettings


class Settings(DetectorSettings):
    """Settings."""

    features: tuple[str, ...] = Field(min_length=1)
