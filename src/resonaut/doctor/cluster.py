"""Batch systems, and the credentials that remote files need."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from resonaut.doctor.finding import Finding, said

_SOON = 2 * 3600
SITE_FILE = "config/site.yaml"


def slurm() -> Finding:
    """Whether jobs can be given to Slurm."""
    if shutil.which("sbatch") is None:
        return Finding("Slurm", "green", "none here; needed for --profile gpu-cluster only")
    version = said(["sbatch", "--version"]) or "sbatch"
    partitions = said(["sinfo", "--noheader", "--format=%R %a"])
    if partitions is None:
        fix = "log in to a node that submits jobs, or look at SLURM_CONF"
        return Finding("Slurm", "yellow", f"{version}, but no controller answers `sinfo`", fix)
    up = [words[0] for line in partitions.splitlines() if (words := line.split())[1:] == ["up"]]
    if not up:
        return Finding("Slurm", "yellow", f"{version}; no partition is up", "ask the site")
    text = f"{version}; partitions {', '.join(sorted(set(up)))}"
    if said(["sacct", "--noheader", "--jobs", "0"], 3.0) is None:
        fix = f"'status: squeue' in {SITE_FILE}, so that Snakemake does not wait for sacct"
        return Finding("Slurm", "yellow", f"{text}; no accounting (sacct)", fix)
    return Finding("Slurm", "green", text)


def htcondor() -> Finding:
    """Whether jobs can be given to HTCondor."""
    if shutil.which("condor_submit") is None:
        return Finding("HTCondor", "green", "none here; needed for --profile htcondor only")
    answer = said(["condor_q", "-totals"])
    if answer is None:
        return Finding(
            "HTCondor", "yellow", "condor_submit is here, but no scheduler answers", "log in to a submit node"
        )
    return Finding("HTCondor", "green", (answer.splitlines() or ["answers"])[-1].strip())


def proxy(needed: bool, now: float | None = None) -> Finding:
    """The grid proxy that opens files of XRootD servers.

    Args:
        needed: whether the study reads root:// addresses; some servers want no proxy.
        now: seconds since 1970.
    """
    if not needed:
        return Finding("grid proxy", "green", "not needed: the study reads no root:// address")
    fix = "voms-proxy-init --voms <your VO> --valid 96:00 (public servers need none)"
    token = os.environ.get("BEARER_TOKEN") or os.environ.get("BEARER_TOKEN_FILE")
    path = Path(os.environ.get("X509_USER_PROXY") or f"/tmp/x509up_u{os.getuid()}")
    if not path.exists():
        if token:
            return Finding("grid proxy", "green", "none, but a token (BEARER_TOKEN)")
        return Finding("grid proxy", "yellow", f"none: {path} does not exist", fix)
    end = _expiry(path)
    if end is None:
        return Finding("grid proxy", "yellow", f"{path} cannot be read, or openssl is not here", fix)
    left = end - (time.time() if now is None else now)
    if left <= 0:
        return Finding("grid proxy", "red", f"{path} expired {-left / 3600:.1f} hours ago", fix)
    level = "green" if left > _SOON else "yellow"
    return Finding("grid proxy", level, f"{path}: {left / 3600:.1f} hours left", "" if left > _SOON else fix)


def _expiry(path: Path) -> float | None:
    """When the first certificate of a file ends, seconds since 1970."""
    import ssl

    text = said(["openssl", "x509", "-noout", "-enddate", "-in", str(path)])
    if text is None or not text.startswith("notAfter="):
        return None
    return float(ssl.cert_time_to_seconds(text.removeprefix("notAfter=")))
