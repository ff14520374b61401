"""Placeholder of the autoencoder."""

from __future__ import annotations

from resonaut.detect.settings import DetectorSettings


class Settings(DetectorSettings):
    """Settings."""
