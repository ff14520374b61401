"""Where the workflow stands: the folder of the clone that this package is installed from."""

from __future__ import annotations

from pathlib import Path

from resonaut.errors import MissingFileError

TEMPLATES = Path(__file__).parent / "templates"


def root() -> Path:
    """Folder of the clone: Snakefile, workflow, profiles, config and tests.

    Raises:
        MissingFileError: the package was installed without them.
    """
    folder = Path(__file__).resolve().parents[2]
    if not (folder / "workflow" / "Snakefile").exists():
        raise MissingFileError(
            f"{folder / 'workflow' / 'Snakefile'}: no such file. The workflow stands beside the package in "
            "its git repository: clone it and install from there (`make setup` does)."
        )
    return folder


def template(name: str) -> str:
    """Text of a template, by its path below `templates/`."""
    return (TEMPLATES / name).read_text(encoding="utf-8")
