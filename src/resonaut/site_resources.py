"""What the rules ask a cluster for: lists for the profiles, worked out from the site file (`site.py`).

Which rules use a GPU and which share a job stands here, once for Slurm, HTCondor and a machine with GPUs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

from resonaut.gpu_slots import LISTED, VISIBLE
from resonaut.site import VARIABLE, Site, path

GPU_RULES = (
    *("tag_train", "tag_tune", "tag_score", "tag_encode", "tag_cluster"),
    "tag_score_varied",
    "tag_uncertainty",
    *("tag_stability", "tag_weak", "detect_monitor"),
    "tag_trigger",
    *("generate_train", "generate_sample", "generate_dataset", "generate_evaluate", "generate_time"),
    *("generate_amplify", "detect_train", "detect_part", "detect_background"),
)
"""Rules that use a GPU where there is one."""

CHUNK_RULES = ("simulate_chunk", "simulate_showers", "ingest_chunk", "represent_chunk")
"""Rules that run once per chunk, on a CPU: many of them share one job of a cluster."""

SEARCH_RULES = (
    *("hunt_spectra", "hunt_templates", "hunt_evaluate"),
    *("infer_significance", "infer_conformal"),
)
"""Short rules that follow a search: those of one search share one job of a cluster."""

SLOT = "group_slots"
"""A resource of which each rule of a group takes one and each job of a cluster has one.

A job works on the members of its group one after another: with this, Snakemake asks for one member's memory
and cores and for the sum of their times, not for the sum of all.
"""

_LARGEST_POWER = 24
_HTCONDOR_DISK = "htcondor_request_disk_mb"


def chunk_group(n_events: int | None) -> str:
    """The group of a chunk's jobs, named after its size: `chunks_<power of two>`, or `chunks_of_files`.

    Args:
        n_events: of one chunk; None where only its files are known.
    """
    if n_events is None:
        return "chunks_of_files"
    return f"chunks_{2 ** min(max(n_events.bit_length() - 1, 0), _LARGEST_POWER)}"


def group_components(site: Site) -> dict[str, int]:
    """How many chunks share a job, by the group's name."""
    powers = (2**power for power in range(_LARGEST_POWER + 1))
    by_size = {chunk_group(size): min(max(site.events_per_job // size, 1), 100) for size in powers}
    return {**by_size, "chunks_of_files": site.files_per_job}


def _quoted(**values: str | None) -> dict[str, str]:
    """Values that Snakemake must take as text, not as Python."""
    return {name: repr(value) for name, value in values.items() if value is not None}


def _expanded(folder: str | None) -> str | None:
    return None if folder is None else os.path.expandvars(os.path.expanduser(folder))


def _for_rules(of_gpu_rules: dict[str, Any]) -> dict[str, dict[str, Any]]:
    grouped = {rule: {SLOT: 1} for rule in (*CHUNK_RULES, *SEARCH_RULES)}
    return grouped | {rule: dict(of_gpu_rules) for rule in GPU_RULES}


def slurm_defaults(site: Site) -> dict[str, Any]:
    """`default-resources` of the profile `gpu-cluster`."""
    named = _quoted(
        slurm_account=site.account,
        slurm_partition=site.partition,
        qos=site.qos,
        constraint=site.constraint,
        tmpdir=_expanded(site.scratch),
    )
    return {"mem_mb": "2000 * attempt", "runtime": "60 * attempt", **named}


def slurm_rules(site: Site) -> dict[str, dict[str, Any]]:
    """`set-resources` of the profile `gpu-cluster`: what GPU rules and chunk rules ask for."""
    gpu = site.gpu
    if gpu.ask == "gres":
        model = f":{gpu.model}" if gpu.model else ""
        asked = {**_quoted(gres=f"gpu{model}:{gpu.number}"), "cpus_per_task": gpu.cpus * gpu.number}
    else:
        asked = {"gpu": gpu.number, "cpus_per_gpu": gpu.cpus, **_quoted(gpu_model=gpu.model)}
    return _for_rules({**asked, **_quoted(slurm_partition=gpu.partition)})


def htcondor_defaults(site: Site) -> dict[str, Any]:
    """`default-resources` of the profile `htcondor`."""
    # The nodes read the site file too; HTCondor passes on no variable by itself.
    file = path() if os.environ.get(VARIABLE) else None
    named = _quoted(
        universe="container" if site.container else None,
        environment=f"{VARIABLE}={file.resolve()}" if file else None,
        container_image=site.container,
        tmpdir=_expanded(site.scratch),
        classad_AccountingGroup=site.account,
    )
    disk = {_HTCONDOR_DISK: "4000 * attempt"}
    return {"mem_mb": "2000 * attempt", "runtime": "60 * attempt", **disk, **named}


def htcondor_rules(site: Site) -> dict[str, dict[str, Any]]:
    """`set-resources` of the profile `htcondor`."""
    gpu = site.gpu
    asked: dict[str, Any] = {"request_gpus": gpu.number}
    if gpu.memory_mb is not None:
        asked["htcondor_gpus_min_mem_mb"] = gpu.memory_mb
    if gpu.capability is not None:
        asked["gpus_minimum_capability"] = repr(str(gpu.capability))
    if gpu.model is not None:
        asked["require_gpus"] = repr(f'regexp("{gpu.model}", DeviceName)')
    return _for_rules(asked)


def local_gpus() -> int:
    """GPUs of this machine that jobs may use, at least 1: where there is none, trainings go one by one.

    Those of `RESONAUT_GPUS` or `CUDA_VISIBLE_DEVICES` (`0,1`) where set, else all that `nvidia-smi` lists.
    """
    for variable in (LISTED, VISIBLE):
        if named := os.environ.get(variable):
            return len([name for name in named.split(",") if name.strip()]) or 1
    program = shutil.which("nvidia-smi")
    if program is None:
        return 1
    listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=30, check=False).stdout
    return max(sum(line.startswith("GPU ") for line in listed.splitlines()), 1)


def adapt(workflow: Any, site: Site) -> None:
    """What a profile cannot say: called at the end of the Snakefile.

    A job of a group works on one member at a time, and so asks for cores and memory of one. HTCondor's
    executor reads memory and time under names of its own: `mem_mb` (MB) and `runtime` (minutes) of each rule
    are given to it. It has no sum of the times of a group's members: those rules get `group_minutes`.

    Args:
        workflow: Snakemake's, with all rules.
    """
    if workflow.exec_mode.name == "REMOTE":
        workflow.register_resource(SLOT, 1)
    for rule in workflow.rules:
        if _HTCONDOR_DISK in rule.resources:
            seconds = _scaled(rule.resources["runtime"], 60)
            grouped = rule.name in (*CHUNK_RULES, *SEARCH_RULES)
            rule.resources["htcondor_request_mem_mb"] = _scaled(rule.resources["mem_mb"], 1)
            rule.resources["classad_MaxRuntime"] = _for_group(site.group_minutes) if grouped else seconds


def _for_group(minutes: int) -> Callable[..., int]:
    return lambda wildcards, attempt: 60 * minutes * attempt


def _scaled(resource: Any, factor: int) -> int | Callable[..., int]:
    """The value of a resource times a factor, worked out when Snakemake works it out."""
    if not resource.is_evaluable():
        return resource.value * factor

    def scaled(wildcards: Any, input: Any, attempt: int, threads: int, rulename: str, async_run: Any) -> Any:
        names = {"input": input, "attempt": attempt, "threads": threads, "rulename": rulename}
        value = resource.evaluate(wildcards, **names, async_run=async_run).value
        # Text stands for a value that is not known yet.
        return value if isinstance(value, str) else value * factor

    return scaled
