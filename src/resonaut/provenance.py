"""Where a result comes from: settings, seed, versions and checksums in it; host and times beside it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from resonaut import __version__
from resonaut.files import sha256, write_json

_START = time.time()


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
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(_START)),
        "wall_seconds": round(time.time() - _START, 3),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "max_rss_mb": round(usage.ru_maxrss / 1024, 1),
        "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
        "cuda_visible_devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
        **more,
    }
    write_json(f"{output}.run.json", record)
