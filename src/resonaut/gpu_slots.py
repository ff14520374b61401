"""One GPU for each job of one machine, where no scheduler gives them out.

Snakemake counts GPUs (`resources: gpu`) and does not say which one a job has. So a job takes the first one
whose lock file nobody holds, and sets `CUDA_VISIBLE_DEVICES` to it before CUDA starts. The kernel holds the
locks and releases those of a process that ends, killed or not: there is no server, and nothing to clean up.

Which GPUs there are: `RESONAUT_GPUS` (`0,1`), or else `CUDA_VISIBLE_DEVICES`, or else all that `nvidia-smi`
lists. Slots are taken by jobs that the workflow starts, and by others where `RESONAUT_GPUS` is set. What a
scheduler (Slurm, HTCondor, PBS, LSF) granted is kept as it is; only with `RESONAUT_GPUS` are those GPUs that
it granted shared out, for a workflow that runs inside of one large job.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from resonaut.errors import ConfigError, OutputError
from resonaut.logs import log
from resonaut.processes import FOLDER_VARIABLE

LISTED = "RESONAUT_GPUS"
VISIBLE = "CUDA_VISIBLE_DEVICES"
LOCKS = "RESONAUT_GPU_LOCKS"
"""Variable: folder of the lock files, of this machine; by default below the folder for temporary files."""
SCHEDULERS = ("SLURM_JOB_ID", "_CONDOR_SLOT", "PBS_JOBID", "LSB_JOBID")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,79}")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0

_held: tuple[str, int] | None = None


def candidates() -> tuple[str, ...]:
    """GPUs of which this process has to take one; none where it takes what it sees.

    Raises:
        ConfigError: `RESONAUT_GPUS` is not a list of GPUs.
    """
    listed = _names(os.environ.get(LISTED))
    for name in listed:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{LISTED}={os.environ[LISTED]}: '{name}' is no GPU; numbers or UUIDs, as `nvidia-smi -L` "
                "shows them, are expected with commas between them."
            )
    visible = os.environ.get(VISIBLE)
    if any(os.environ.get(name) for name in SCHEDULERS):
        return tuple(name for name in listed if name in _names(visible))
    if listed:
        return listed
    if not os.environ.get(FOLDER_VARIABLE):
        return ()
    return _names(visible) if visible is not None else _on_this_machine()


def take() -> str | None:
    """Take a GPU for as long as this process lives, and let CUDA see no other; waits until one is free.

    To be called before CUDA starts. A second call gives what the first did.

    Returns:
        The GPU; None where there is none to choose.

    Raises:
        ConfigError: `RESONAUT_GPUS` is not a list of GPUs.
        OutputError: the folder of the lock files cannot be used.
    """
    global _held
    if _held is not None:
        return _held[0]
    known = candidates()
    # Processes of torchrun have one each already.
    if not known or "LOCAL_RANK" in os.environ:
        return None
    folder = _folder()
    pause, told = _FIRST_PAUSE, False
    while True:
        for name in known:
            descriptor = _lock(folder / f"{name.replace('/', '_')}.lock")
            if descriptor is not None:
                _held = name, descriptor
                os.environ[VISIBLE] = name
                log.info("this job has the GPU %s", name)
                return name
        if not told:
            log.info("all GPUs (%s) are taken; waiting for one", ", ".join(known))
            told = True
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def release() -> None:
    """Give the GPU back before the process ends; `CUDA_VISIBLE_DEVICES` stays."""
    global _held
    if _held is not None:
        os.close(_held[1])
        _held = None


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))


def _on_this_machine() -> tuple[str, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=60, check=False)
    return tuple(re.findall(r"^GPU (\d+):", done.stdout, flags=re.MULTILINE))


def _folder() -> Path:
    """The folder of the lock files: of this user alone, so that nobody else can hold or redirect them."""
    folder = Path(os.environ.get(LOCKS) or f"{tempfile.gettempdir()}/resonaut-gpus-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise OutputError(f"{folder}: cannot hold lock files ({error.strerror}). Set {LOCKS}.") from error
    if folder.is_symlink() or status.st_uid != os.getuid():
        raise OutputError(f"{folder}: belongs to another user, or is a link. Set {LOCKS} to another folder.")
    return folder


def _lock(path: Path) -> int | None:
    """A descriptor that holds the lock of a file, or None where another process holds it."""
    # Locks of `lockf` belong to the process: a worker that outlives a killed job does not keep its GPU.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor
