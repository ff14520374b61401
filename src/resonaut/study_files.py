"""Find the configuration that a command means: by its file, or by the name of its study."""

from __future__ import annotations

import re
from pathlib import Path

from resonaut.errors import ConfigError, nearest

DEFAULT = Path("config/demo.yaml")
_NAME = re.compile(r"^study:\s*['\"]?([A-Za-z0-9_]+)", re.MULTILINE)


def studies(folder: Path = Path("config")) -> dict[str, Path]:
    """Names of the studies of a folder of configurations, and the file of each (the first, by name)."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.yaml")):
        match = _NAME.search(path.read_text(encoding="utf-8", errors="replace"))
        if match:
            found.setdefault(match[1], path)
    return found


def configuration_of(study: str | None, configfile: str | None) -> Path:
    """The configuration that is meant.

    Args:
        study: a study's name, or the path of its configuration.
        configfile: the path of a configuration; without both it is `config/demo.yaml`, or where that is
            absent the only configuration in `config/`.

    Raises:
        ConfigError: both are given, no study has this name, or there are several and none is named.
    """
    if study and configfile:
        raise ConfigError(f"'{study}' and --configfile {configfile}: give one of them.")
    if configfile:
        return Path(configfile)
    known = studies()
    if study:
        if study in known:
            return known[study]
        if Path(study).suffix in (".yaml", ".yml"):
            return Path(study)
        raise ConfigError(f"'{study}': no configuration in config/ is of this study. {nearest(study, known)}")
    if DEFAULT.exists():
        return DEFAULT
    if len(known) == 1:
        return next(iter(known.values()))
    names = ", ".join(known) or "none"
    raise ConfigError(
        f"{Path.cwd()}: which study? Studies of config/ are: {names}. Name one, or give --configfile; start "
        "in the folder that holds the Snakefile."
    )
