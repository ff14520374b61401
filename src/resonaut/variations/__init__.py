"""Kinds of variations: `<kind>.py` is found by its name; `resonaut.variation_settings` says what it holds.

Names that begin with an underscore are what several kinds share.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType


def names() -> list[str]:
    """Sorted names of the kinds."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))


def module_name(kind: str) -> str:
    """Dotted name of the module of a kind."""
    return f"{__name__}.{kind}"


def load(kind: str) -> ModuleType:
    """The module of a kind; one of `names` is expected."""
    return importlib.import_module(module_name(kind))
