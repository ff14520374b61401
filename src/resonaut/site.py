"""The site file: what a cluster wants to be told, in one place, for the profiles and for every job.

`config/site.yaml` (another path: the variable `RESONAUT_SITE`) is read twice: by the profiles `gpu-cluster`
and `htcondor` (through `site_resources.py`), and by the Snakefile, on the node too, for the container
and the environment of the jobs. Nothing of it reaches a result. `config/site.example.yaml` shows every key.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from resonaut.config import read_yaml
from resonaut.errors import ConfigError, MissingFileError
from resonaut.settings import Count, Settings, validate

VARIABLE = "RESONAUT_SITE"
DEFAULT = "config/site.yaml"


class Gpu(Settings):
    """How a GPU is asked for."""

    ask: Literal["gpu", "gres"] = Field(
        "gpu", description="`gpu`: `sbatch --gpus=MODEL:N`. `gres`: `sbatch --gres=gpu:MODEL:N`."
    )
    model: str | None = Field(None, pattern=r"^[A-Za-z0-9_.]+$", description="Model, as the site names it.")
    number: Count = Field(1, ge=1, le=8, description="GPUs of one training.")
    cpus: Count = Field(4, ge=1, description="Cores beside each GPU.")
    partition: str | None = Field(None, description="Partition of GPU jobs; that of the others by default.")
    memory_mb: Count | None = Field(None, ge=1, description="HTCondor: least memory of the GPU.")
    capability: float | None = Field(None, gt=0, description="HTCondor: least CUDA capability, such as 8.0.")


class Site(Settings):
    """What a site wants to be told."""

    account: str | None = Field(None, description="Slurm: account. HTCondor: accounting group.")
    partition: str | None = Field(None, description="Slurm: partition of CPU jobs.")
    qos: str | None = Field(None, description="Slurm: quality of service of all jobs.")
    constraint: str | None = Field(None, description="Slurm: features that a node must have.")
    gpu: Gpu = Gpu()
    jobs: Count = Field(100, ge=1, description="Jobs in the queue at once.")
    retries: Count = Field(
        2, ge=0, description="How often a failed job is tried again, with more memory and time."
    )
    events_per_job: Count = Field(50_000, ge=1, description="Chunks of about so many events share one job.")
    files_per_job: Count = Field(4, ge=1, description="Chunks of a dataset in files that share one job.")
    group_minutes: Count = Field(240, ge=1, description="HTCondor: time of a job that works on a group.")
    requeue: bool = Field(True, description="Slurm starts jobs of a failed node again itself.")
    status: Literal["sacct", "squeue"] | None = Field(
        None, description="Slurm: command that knows states; `squeue` where there is no accounting database."
    )
    poll_seconds: Count = Field(20, ge=1, description="Seconds to the first look at the state of the jobs.")
    latency_seconds: Count = Field(60, ge=0, description="How long the shared file system may lag behind.")
    scratch: str | None = Field(None, description="Folder for temporary files on the node (TMPDIR).")
    container: str | None = Field(None, description="Image (.sif file or docker://...) that jobs run in.")
    container_arguments: str = Field("--nv", description="Slurm: arguments of `apptainer exec`.")
    shared: tuple[str, ...] = Field((), description="HTCondor: folders that submit host and nodes share.")
    environment: dict[str, str] = Field(
        {}, description="Variables of all jobs: proxies (X509_USER_PROXY), XRootD (XRD_*), caches."
    )


def path() -> Path | None:
    """The site file: that of `RESONAUT_SITE`, else `config/site.yaml` if there is one, else None.

    Raises:
        MissingFileError: the variable names a file that does not exist.
    """
    named = os.environ.get(VARIABLE)
    if named and not Path(named).is_file():
        raise MissingFileError(
            f"{VARIABLE}={named}: no such site file. Copy config/site.example.yaml to {DEFAULT} and edit it, "
            f"or unset {VARIABLE}."
        )
    found = Path(named or DEFAULT)
    return found if found.is_file() else None


def read() -> Site:
    """Read the site file; without one, the defaults: the site's own defaults for partition and account.

    Raises:
        ConfigError: a key is unknown or has a wrong value.
        MissingFileError: `RESONAUT_SITE` names a file that does not exist.
    """
    file = path()
    if file is None:
        return Site()
    raw = read_yaml(file) or {}
    if not isinstance(raw, dict):
        raise ConfigError(f"{file}: keys of a site are expected, for example 'partition: cpu'.")
    try:
        return validate(Site, raw)
    except ConfigError as error:
        raise ConfigError("\n".join(f"{file}: {line}" for line in str(error).splitlines())) from None


def set_environment(site: Site) -> None:
    """Set the variables of the site for the jobs that this process starts; `~` and `$NAME` are expanded.

    Raises:
        ConfigError: X509_USER_PROXY names a file that this machine cannot see.
    """
    for name, value in site.environment.items():
        os.environ[name] = os.path.expandvars(os.path.expanduser(value))
    proxy = site.environment.get("X509_USER_PROXY")
    if proxy and not Path(os.environ["X509_USER_PROXY"]).is_file():
        raise ConfigError(
            f"{path()}: environment.X509_USER_PROXY: {os.environ['X509_USER_PROXY']} does not exist on this "
            "machine. Make it (voms-proxy-init --out PATH) on a file system that the nodes see."
        )
