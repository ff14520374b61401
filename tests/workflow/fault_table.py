"""The matrix of stages and faults, and how one outcome reads as a row of docs/reliability.md."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

from faults import Bench, Outcome, Seen, full_disk, inside, signalled, twice, unwritable

FAULTS: dict[str, Callable[[Bench, str], Seen]] = {
    "SIGKILL": inside("SIGKILL"),
    "SIGTERM": inside("SIGTERM"),
    "out of memory": inside("memory"),
    "full disk": full_disk,
    "unwritable folder": unwritable,
    "clock set back": inside("clock"),
    "two at once": twice,
}
"""Faults whose outcome is the same each time; signals come when the first output is whole but has no name."""
ANY_TIME: dict[str, Callable[[Bench, str], Seen]] = {
    "SIGKILL at 1/3": signalled(signal.SIGKILL, 1 / 3),
    "SIGKILL at 2/3": signalled(signal.SIGKILL, 2 / 3),
    "SIGTERM at 1/2": signalled(signal.SIGTERM, 1 / 2),
}
"""Signals at a share of the processor time of an undisturbed run: what they meet differs."""
CODES = {
    "SIGKILL": {-9},
    "SIGTERM": {143},
    "out of memory": {9},
    "full disk": {7},
    "unwritable folder": {7},
    "clock set back": {0},
    "two at once": {0},
    # The command may be over, or may not have come as far as to hear SIGTERM.
    "SIGKILL at 1/3": {-9, 0},
    "SIGKILL at 2/3": {-9, 0},
    "SIGTERM at 1/2": {143, -15, 0},
}
SILENT = {"SIGKILL", "clock set back", "two at once", "SIGKILL at 1/3", "SIGKILL at 2/3"}
"""Faults after which there is nobody to say anything, or nothing to say."""

HEADER = "| stage | fault | exit code | message | left behind | run again |\n|---|---|---|---|---|---|"


def row(stage: str, fault: str, outcome: Outcome, outputs: dict[str, object]) -> str:
    """One row; what differs from machine to machine (pids, hosts, words of libraries) is left out."""
    message = re.sub(r"out of memory \(.*\);", "out of memory (...);", outcome.message)
    cells = [
        stage,
        fault,
        str(outcome.exit_code),
        message or "-",
        _left(outcome.left, outputs),
        _again(outcome),
    ]
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"


def _left(names: tuple[str, ...], outputs: dict[str, object]) -> str:
    whole = [name for name in names if name in outputs]
    others = [name for name in names if name not in outputs and not name.endswith(".run.json")]
    parts = [f"`{_anonymous(Path(name).name)}`" for name in others if ".part" in name]
    folders = {word for name in others for word in Path(name).parts if word.endswith(".training")}
    kept = [f"checkpoint `{folder}/`" for folder in sorted(folders)]
    if whole:
        kept.append("all outputs, whole" if len(whole) == len(outputs) else f"{len(whole)} whole outputs")
    return ", ".join([*parts, *kept]) or "nothing"


def _anonymous(name: str) -> str:
    return re.sub(r"^(\..+?)\.[^.]+\.\d+\.part", r"\1.HOST.PID.part", name)


def _again(outcome: Outcome) -> str:
    if outcome.healed:
        return "the same outputs, nothing left"
    faulty = [f"wrong {outcome.wrong}", f"code {outcome.again.exit_code}", f"differ {outcome.differ}"]
    return "; ".join([*faulty, f"remains {outcome.remains}"])
