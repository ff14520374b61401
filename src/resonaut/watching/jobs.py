"""Jobs that run now: on this machine by their records, on a cluster by its scheduler."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from resonaut import processes
from resonaut.errors import ResonautError
from resonaut.files import read_json

_WORD = re.compile(r"results/\S+")
_PATIENCE = 1.0


@dataclass(frozen=True)
class Job:
    """A job that is alive.

    Attributes:
        stage: its command; of a job of a cluster its rule.
        output: the first file of `results/` that it names; empty where nothing is known of it.
        seconds: since its start.
        number: pid, or number at the scheduler.
        log: where its messages go; empty where it is not known.
        state: running, or what the scheduler says (PENDING ...).
    """

    stage: str
    output: str
    seconds: float
    number: str
    log: str = ""
    state: str = "running"


@dataclass(frozen=True)
class Owner:
    """A Snakemake that works, or worked, in this folder.

    Attributes:
        host: where it was started.
        pid: its process.
        alive: whether it lives; None where it was started on another machine.
    """

    host: str
    pid: int
    alive: bool | None


def owners(folder: Path) -> list[Owner]:
    """The runs that did not end by themselves."""
    found = []
    for path in sorted((folder / processes.FOLDER).parent.glob("owner/*.json")):
        with contextlib.suppress(ResonautError, KeyError, TypeError):
            record = read_json(path)
            here = record["host"] == socket.gethostname()
            alive = processes.alive(path) is not None if here else None
            found.append(Owner(record["host"], int(record["pid"]), alive))
    return found


def local(folder: Path) -> list[Job]:
    """Recorded jobs of this machine that are alive."""
    found = []
    for path in sorted((folder / processes.FOLDER).glob("*.json")):
        pid = processes.alive(path)
        if pid is None:
            continue
        with contextlib.suppress(ResonautError, OSError, KeyError, TypeError):
            stage = (read_json(path).get("command") or ["?"])[0]
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            output, log = _output(words), _relative(os.readlink(f"/proc/{pid}/fd/2"), folder)
            begin = path.stat().st_mtime
            found.append(Job(str(stage), output, max(0.0, time.time() - begin), str(pid), log))
    return found


def _output(words: list[bytes]) -> str:
    """The file that a command writes: after --output or its like, else the first below results/."""
    text = [os.fsdecode(word) for word in words]
    for option in ("--output", "--weights", "--scores"):
        if option in text[:-1]:
            return text[text.index(option) + 1]
    return next((match[0] for word in text if (match := _WORD.match(word))), "")


def _relative(path: str, folder: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(Path(path).relative_to(folder))
    return ""


def of_slurm(folder: Path) -> list[Job]:
    """Jobs of this folder that Slurm knows; none where there is no Slurm, or it does not answer at once."""
    if shutil.which("squeue") is None:
        return []
    # Snakemake puts rule and wildcards into the comment.
    command = ["squeue", "--me", "--noheader", "--format=%i|%T|%M|%Z|%k"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    found = []
    for line in done.stdout.splitlines():
        number, state, elapsed, where, comment = [*line.split("|", 4), "", "", "", ""][:5]
        if where == str(folder):
            rule, _, wildcards = comment.removeprefix("rule_").partition("_wildcards_")
            found.append(Job(rule, wildcards, _seconds(elapsed), number, state=state))
    return found


def _seconds(text: str) -> float:
    """Seconds of Slurm's D-HH:MM:SS, HH:MM:SS or MM:SS."""
    days, _, rest = text.rpartition("-")
    total = 0
    for part in rest.split(":"):
        total = 60 * total + (int(part) if part.isdigit() else 0)
    return total + 86_400 * int(days or 0)
