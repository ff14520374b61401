"""Placeholder of Pythia."""

from __future__ import annotations

from typing import Any

from resonaut.simulate.settings import SimulatedDataset


class Settings(SimulatedDataset):
    """Settings."""

    process: Any = None
    detector: str = "cms"
    cuts: dict = {}
