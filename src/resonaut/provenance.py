"""Where a result comes from: settings, seed, versions and checksums in it; host and times beside it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import shlex
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from resonaut import __version__, seeds
from resonaut.files import sha256, write_json

_START = time.time()
# The clock of the day may be set back while a job runs; this one is not.
_BEGIN = time.monotonic()

GRANTED = {
    "slurm_job_id": "SLURM_JOB_ID",
    "slurm_partition": "SLURM_JOB_PARTITION",
    "slurm_node": "SLURMD_NODENAME",
    "htcondor_slot": "_CONDOR_SLOT",
    "cuda_visible_devices": "CUDA_VISIBLE_DEVICES",
}
"""What a scheduler gave to a job, and the variables that it says so with; null where it does not."""


def versions(*packages: str) -> dict[str, str]:
    """Versions of resonaut, Python and the named packages."""
    found = {"resonaut": __version__, "python": platform.python_version()}
    for package in sorted(packages):
        found[package] = importlib.metadata.version(package)
    return found


def describe(
    settings: dict[str, Any], inputs: Iterable[str | os.PathLike] = (), packages: Iterable[str] = ("numpy",)
) -> dict[str, Any]:
    """What a result was made from: the same for two equal runs.

    Args:
        settings: the slice of the configuration (with its seed) that made the result.
        inputs: files that were read; their SHA-256 is recorded under the path as given.
        packages: distributions whose versions matter for the numbers.
    """
    return {
        "settings": settings,
        "versions": versions(*packages),
        "inputs": {str(path): sha256(path) for path in sorted(map(str, inputs))},
    }


def write_run_record(output: str | os.PathLike, **more: Any) -> None:
    """Write `<output>.run.json`: what differs from run to run and so stays out of results."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    record = {
        "output": Path(output).name,
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(_START)),
        "wall_seconds": round(time.monotonic() - _BEGIN, 3),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "max_rss_mb": round(usage.ru_maxrss / 1024, 1),
        **{name: os.environ.get(variable) for name, variable in GRANTED.items()},
        "seeds": seeds.derived(),
        **more,
    }
    write_json(f"{output}.run.json", record)
