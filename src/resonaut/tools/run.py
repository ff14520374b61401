"""`resonaut run`: run the workflow, cleaning up first after a run that was killed.

After SIGKILL of Snakemake its jobs live on and its lock stays. This command ends those jobs by their recorded
pids, removes the lock only when its owner is dead, removes half-written temporary files, and then starts
Snakemake with `--rerun-incomplete`.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from resonaut import processes
from resonaut.errors import ConfigError, ResonautError
from resonaut.files import read_json

log = logging.getLogger(__name__)

_STATE = Path(".snakemake")
_PART = re.compile(r"^\..+\.(\d+)\.part(\..+)?$")


class RunningError(ResonautError):
    """Another run is going on in this folder."""

    exit_code = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut run`."""
    parser.add_argument("--configfile", help="the study; config/demo.yaml by default")
    parser.add_argument("--cores", default="all", help="cores to use (default: all)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to Snakemake (after --)")


def _snakemake_in(folder: Path) -> list[int]:
    """Pids of live Snakemake processes that work in `folder`, from /proc (none where there is no /proc)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            named = any(Path(os.fsdecode(word)).name == "snakemake" for word in words[:3])
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if named and state != "Z" and (entry / "cwd").resolve() == folder:
                found.append(int(entry.name))
    return found


def _owners(folder: Path) -> list[int]:
    """Pids of live Snakemake runs of this folder: those that recorded themselves, and those seen."""
    recorded = [processes.alive(path) for path in (folder / processes.FOLDER).parent.glob("owner/*.json")]
    return sorted({pid for pid in [*recorded, *_snakemake_in(folder)] if pid is not None} - {os.getpid()})


def _remove_parts(results: Path) -> int:
    """Remove temporary files whose writers are dead."""
    number = 0
    for path in results.rglob(".*.part*"):
        match = _PART.match(path.name)
        if match and processes.start_time(int(match.group(1))) is None:
            with contextlib.suppress(OSError):
                path.unlink()
                number += 1
    return number


def _refuse(folder: Path, owners: list[int]) -> None:
    who = f"Snakemake is running here (pid {', '.join(map(str, owners))})"
    raise RunningError(
        f"{folder}: {who if owners else 'another `resonaut run` is running here'}. "
        "Wait until it ends, or stop it, and start again."
    )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one `resonaut run` at a time clean up and start; the system forgets the lock of a killed one.

    Raises:
        RunningError: another one is going on in `folder`.
    """
    place = folder / _STATE / "resonaut" / "run.lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _refuse(folder, _owners(folder))
        except OSError as error:
            log.warning("%s: no locks on this file system (%s)", place, error.strerror)
        yield


def clean_up(folder: Path) -> None:
    """Undo what a killed run left: its jobs, its lock, its temporary files.

    Raises:
        RunningError: a run is still going on in `folder`.
    """
    for path in (folder / processes.FOLDER).parent.glob("owner/*.json"):
        host = read_json(path)["host"]
        if host != socket.gethostname():
            raise RunningError(
                f"{folder}: the last run was started on {host} and has not ended there. See that it is dead, "
                f"then delete {path} and start again."
            )
    owners = _owners(folder)
    if owners:
        _refuse(folder, owners)
    ended = processes.end_all(folder / processes.FOLDER)
    if ended:
        log.info("ended %d jobs of a killed run: pid %s", len(ended), ", ".join(map(str, ended)))
    locks = list((folder / _STATE / "locks").glob("*.lock"))
    for lock in locks:
        lock.unlink()
    if locks:
        log.info("removed the lock of a killed run")
    stale = list((folder / processes.FOLDER).parent.glob("owner/*.json"))
    # Always: a job that was killed under a Snakemake that went on left no other trace.
    number = _remove_parts(folder / "results")
    if number:
        log.info("removed %d half-written files", number)
    for path in stale:
        path.unlink()


def run(arguments: argparse.Namespace) -> int:
    """Clean up, run Snakemake, and return its exit code."""
    folder = Path.cwd()
    if not (folder / "Snakefile").exists():
        raise ConfigError(f"{folder}: no Snakefile here. Change to the root of the clone.")
    with _alone(folder):
        clean_up(folder)
        return _snakemake(folder, arguments)


def _snakemake(folder: Path, arguments: argparse.Namespace) -> int:
    more = [word for word in arguments.arguments if word != "--"]
    command = [sys.executable, "-m", "snakemake", "--cores", str(arguments.cores), "--rerun-incomplete"]
    if arguments.configfile:
        # Last, for it takes any number of words.
        more += ["--configfile", arguments.configfile]
    child = subprocess.Popen([*command, *more])
    # Snakemake decides what a signal means for its jobs; this process only waits.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: child.send_signal(received))
    code = child.wait()
    if code == 0:
        for path in (folder / processes.FOLDER).parent.glob("owner/*.json"):
            path.unlink()
    return code if code >= 0 else 128 - code
