"""Find methods by file name: `<stage>/methods/<name>.py` is the method `<name>` of that stage.

A method's file holds `Settings` (pydantic) and `build(settings)`; heavy imports stand inside `build`,
so that the configuration can be read without them. Nothing is listed anywhere: a new file is a new method.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from resonaut.errors import ConfigError, nearest

_PACKAGE = Path(__file__).parent


def names(stage: str) -> list[str]:
    """Sorted names of the methods of `stage`, from the files of its `methods` folder."""
    folder = _PACKAGE / stage / "methods"
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def module_name(stage: str, name: str, where: str = "") -> str:
    """Dotted name of the module of a method.

    Raises:
        ConfigError: no such method; the nearest one is named.
    """
    known = names(stage)
    if name not in known:
        prefix = f"{where}: " if where else ""
        raise ConfigError(f"{prefix}unknown {stage} method '{name}'. {nearest(name, known)}")
    return f"resonaut.{stage}.methods.{name}"


def load(stage: str, name: str, where: str = "") -> ModuleType:
    """Import a method's module (without torch or other heavy packages)."""
    return importlib.import_module(module_name(stage, name, where))


def build(stage: str, name: str, settings: Any) -> Any:
    """Build a method from its settings (a mapping or an instance of its `Settings`)."""
    from resonaut.settings import validate

    module = load(stage, name)
    if not isinstance(settings, module.Settings):
        settings = validate(module.Settings, settings, f"{stage}.{name}")
    return module.build(settings)


def from_slice(stage: str, slice_: Mapping[str, Any], *more: str) -> tuple[Any, Any, str]:
    """Build the method that a rule's slice names.

    Args:
        stage: of the method.
        slice_: `{"method", "kind", "settings", "seed", ...}`.
        more: further keys that the slice must have.

    Returns:
        Settings, what `build` makes of them, and the method's key in the configuration.

    Raises:
        ConfigError: a key is missing, unknown or wrong.
    """
    from resonaut.settings import validate

    for key in ("method", "kind", "settings", "seed", *more):
        if key not in slice_:
            raise ConfigError(
                f"--settings: the key '{key}' is required (`resonaut config` prints the slice)."
            )
    where = f"{stage}.{slice_['method']}"
    module = load(stage, slice_["kind"], where)
    settings = validate(module.Settings, slice_["settings"], where)
    return settings, module.build(settings), where
