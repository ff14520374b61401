"""Clones of the workflow whose site is a throw-away Slurm."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from slurm import Slurm, wait

SITE = """\
partition: cpu
gpu: {{ask: {ask}, partition: gpu, cpus: 2}}
status: squeue
poll_seconds: 1
latency_seconds: 20
scratch: {scratch}
"""
PATIENCE = 1800
STAGES = ("tag", "generate", "infer")
WEIGHTS = "results/tiny/tag/pfn/weights.safetensors"


class ClusterClone:
    """A clone of the workflow whose site is a throw-away cluster."""

    def __init__(self, folder: Path, slurm: Slurm, environment: dict[str, str]) -> None:
        self.folder = folder
        self.slurm = slurm
        self.log = folder / "run.log"
        added = {name: slurm.environment[name] for name in ("PATH", "SLURM_CONF")}
        self.environment = {**environment, **added, "OMP_NUM_THREADS": "1"}

    def choose(self, ask: str) -> None:
        """Ask for GPUs this way."""
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        (self.folder / "config/site.yaml").write_text(SITE.format(ask=ask, scratch=scratch))

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start the README's command beside this process."""
        command = [sys.executable, "-m", "snakemake", "--cores", "4", "--profile", "gpu-cluster", *arguments]
        with self.log.open("w") as log:
            return subprocess.Popen(
                [*command, "--configfile", "study.yaml"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def run(self, *arguments: str) -> str:
        """Run the README's command to its end and return what it printed; it must succeed."""
        return self.finish(self.start(*arguments))

    def finish(self, running: subprocess.Popen) -> str:
        """Wait for a run, which must succeed, and return what it printed."""
        try:
            code = running.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)
            code = None
        text = self.log.read_text()
        assert code == 0, text[-6000:]
        return text

    def record(self, path: str) -> dict:
        """The record of the run that made `results/tiny/<path>`."""
        return json.loads((self.folder / f"results/tiny/{path}.run.json").read_text())

    def epochs(self) -> int:
        """Finished epochs of the tagger, as its checkpoint's keeper logs them."""
        log = self.folder / "results/tiny/logs/tag/pfn.jsonl"
        return log.read_text().count("\n") if log.exists() else 0

    def wait_for_training(self, running: subprocess.Popen, epochs: int = 2) -> str:
        """Wait until the training runs and has ended some epochs (in all); return its job."""
        wait("a training", lambda: self.epochs() >= epochs or running.poll() is not None, PATIENCE)
        assert running.poll() is None, self.log.read_text()[-6000:]
        (job,) = [number for number, state, rule in self.slurm.jobs() if "tag_train" in rule]
        return job
