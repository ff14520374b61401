"""GPUs, cores, memory and disk of this machine, against what a study needs."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from resonaut.doctor.finding import Finding, said
from resonaut.doctor.software import torch_build

LARGEST_JOB_MB = 8_000
"""First try of the rules that train (workflow/rules), MB."""
_SPARE = 1.5


def gpu() -> Finding:
    """GPUs, and whether torch can use them."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    found, build = said(query), torch_build()
    if not found:
        why = "nvidia-smi finds none" if shutil.which("nvidia-smi") else "no nvidia-smi"
        fix = "on a cluster: --profile gpu-cluster (docs/clusters.md)"
        return Finding("GPU", "yellow", f"none here ({why}): trainings run on CPUs, which is slower", fix)
    names = "; ".join(line.strip() for line in found.splitlines())
    if build == "cpu":
        return Finding("GPU", "red", f"{names}; torch is built for CPUs only", "install torch with CUDA")
    # In a process of its own: torch takes seconds to import, and this command none.
    code = "import torch; print(torch.cuda.is_available(), torch.cuda.device_count())"
    works = said([sys.executable, "-c", code], 60)
    if works is None or not works.startswith("True"):
        fix = f"torch is built for CUDA {build}: install a driver that knows it, or another build of torch"
        return Finding("GPU", "red", f"{names}; torch cannot use it", fix)
    return Finding("GPU", "green", f"{names}; torch (CUDA {build}) sees {works.split()[1]}")


def cores() -> Finding:
    """Cores that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    text = f"{usable} of {os.cpu_count()} may be used"
    level = "green" if usable >= 2 else "yellow"
    return Finding("cores", level, text, "" if usable >= 2 else "trainings take two: expect twice the time")


def memory(meminfo: str | None = None, cgroup: int | None = None) -> Finding:
    """Memory that is free, against the largest job.

    Args:
        meminfo: text of /proc/meminfo; read if absent.
        cgroup: limit of this process's group, bytes; looked up if absent.
    """
    if meminfo is None:
        try:
            meminfo = Path("/proc/meminfo").read_text()
        except OSError:
            return Finding("memory", "yellow", "unknown: there is no /proc/meminfo")
    found = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB", meminfo, re.MULTILINE)}
    total, free = found.get("MemTotal", 0) // 1024, found.get("MemAvailable", 0) // 1024
    limit = _cgroup_limit() if cgroup is None else cgroup
    if limit is not None and limit // 2**20 < total:
        total = limit // 2**20
        free = min(free, total)
    text = f"{free:,} of {total:,} MB are free"
    if total < LARGEST_JOB_MB / 4:
        fix = "a larger machine, or fewer events per chunk and smaller batches"
        return Finding("memory", "red", f"{text}; a training asks for up to {LARGEST_JOB_MB:,} MB", fix)
    if free < LARGEST_JOB_MB:
        fix = "close what else runs; lower training.batch_size if memory runs out"
        return Finding("memory", "yellow", f"{text}; a training asks for up to {LARGEST_JOB_MB:,} MB", fix)
    return Finding("memory", "green", text)


def _cgroup_limit() -> int | None:
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def disk(folder: Path, needed: float, made: float = 0.0) -> Finding:
    """Space where results go, and whether files can be written there.

    Args:
        folder: of the run; results go to `results/` below it.
        needed: bytes that the study takes in the end, an estimate.
        made: bytes of it that are there already.
    """
    place = folder / "results" if (folder / "results").exists() else folder
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        fix = "make it writable, or start in another folder"
        return Finding("disk", "red", f"{place} cannot be written ({error.strerror})", fix)
    free, left = shutil.disk_usage(place).free, max(0.0, needed - made)
    text = f"{size(free)} free at {place}; the study takes about {size(needed)}"
    text += f", of which {size(made)} are there" if made > 0 else ""
    fix = "free some, or make `results` a link to a larger disk"
    if free < left:
        return Finding("disk", "red", text, fix)
    return Finding(
        "disk", "green" if free > _SPARE * left else "yellow", text, "" if free > _SPARE * left else fix
    )


def size(n_bytes: float) -> str:
    """Bytes with a decimal prefix.

    >>> size(1_234_567), size(12)
    ('1.2 MB', '12 B')
    """
    for prefix in ("", "k", "M", "G"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {prefix}B"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"
