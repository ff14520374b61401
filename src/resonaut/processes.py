"""Which processes of a run are alive: known by pid and start time, so a reused pid is never mistaken."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

FOLDER_VARIABLE = "RESONAUT_PROCESSES"
FOLDER = ".snakemake/resonaut/processes"


def start_time(pid: int) -> str | None:
    """An opaque start time of a live process; None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        import psutil

        try:
            return repr(psutil.Process(pid).create_time())
        except psutil.Error:
            return None
    fields = stat.rsplit(")", 1)[1].split()
    return None if fields[0] == "Z" else fields[19]


def record(folder: Path, pid: int, **more: object) -> Path:
    """Write the record of a process and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{pid}.json"
    part = folder / f".{pid}.part"
    part.write_text(
        json.dumps({"pid": pid, "host": socket.gethostname(), "start_time": start_time(pid), **more})
    )
    os.replace(part, path)
    return path


def alive(path: Path) -> int | None:
    """The pid of a record whose process is alive and is the one that was recorded; None otherwise."""
    try:
        entry = json.loads(path.read_text())
        pid, host, started = int(entry["pid"]), entry["host"], entry["start_time"]
    except (OSError, ValueError, KeyError):
        return None
    if host != socket.gethostname():
        return None
    return pid if started is not None and start_time(pid) == started else None


@contextlib.contextmanager
def recorded() -> Iterator[None]:
    """Record this process while the block runs, if the workflow asked for it by an environment variable."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        yield
        return
    path = None
    with contextlib.suppress(OSError):
        path = record(Path(folder), os.getpid(), command=sys.argv[1:2])
    try:
        yield
    finally:
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()


def end_all(folder: Path, patience: float = 5.0) -> list[int]:
    """End every process recorded in `folder` (SIGTERM, then SIGKILL), remove the records, return the pids."""
    ended = []
    for path in sorted(folder.glob("*.json")):
        pid = alive(path)
        if pid is not None:
            ended.append(pid)
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                deadline = time.monotonic() + patience
                while alive(path) is not None and time.monotonic() < deadline:
                    time.sleep(0.02)
        with contextlib.suppress(OSError):
            path.unlink()
    return ended
