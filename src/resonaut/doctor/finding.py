"""One line of the doctor: what was looked at, how it is, and what mends it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["green", "yellow", "red"]
LEVELS: tuple[Level, ...] = ("green", "yellow", "red")


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        what: was looked at.
        level: green: good; yellow: works, with what the text says; red: does not work.
        text: what was found.
        fix: what to do; empty where there is nothing to do.
    """

    what: str
    level: Level
    text: str
    fix: str = ""


def said(command: Sequence[str], seconds: float = 5.0) -> str | None:
    """What a command prints; None where it is not there, fails, or takes longer than `seconds`."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
