"""What the profile `htcondor` submits, as the plugin's own generator writes it. No pool takes these jobs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLUGIN = HERE.parents[1] / ".venv" / "htcondor"
SITE = """\
account: group_u_CMS.u_zh
gpu: {model: A100, memory_mb: 40000, capability: 8.0, number: 2}
group_minutes: 100
latency_seconds: 1
"""


@pytest.fixture(scope="module")
def with_plugin() -> dict[str, str]:
    """An environment in which the plugin can be imported; skipped where it is not installed."""
    path = [str(PLUGIN)] if PLUGIN.is_dir() else []
    if not path and importlib.util.find_spec("snakemake_executor_plugin_htcondor") is None:
        pytest.skip("needs snakemake-executor-plugin-htcondor; `make test-cluster` installs it")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "CONDOR_CONFIG": "ONLY_ENV"}


@pytest.fixture
def submit(clones, root, tmp_path, with_plugin):
    """Run the workflow until it has submitted so many jobs; return what the scheduler was given."""
    clone = clones.Clone.create(root, tmp_path / "clone")
    (clone.folder / "config/site.yaml").write_text(SITE)
    path = os.pathsep.join([str(clone.folder / "src"), with_plugin["PYTHONPATH"]])
    clone.environment = {**with_plugin, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(number: int, *arguments: str) -> tuple[list[dict[str, str]], list[str]]:
        record = tmp_path / "record.json"
        command = [sys.executable, str(HERE / "pretend_schedd.py"), str(record), str(number), "--cores", "4"]
        command += ["--profile", "profiles/htcondor", *arguments, "--configfile", "study.yaml"]
        done = subprocess.run(
            command, cwd=clone.folder, env=clone.environment, text=True, capture_output=True, timeout=300
        )
        assert record.exists(), done.stderr[-4000:]
        found = json.loads(record.read_text())
        assert len(found["submitted"]) == number, done.stderr[-4000:]
        return found["submitted"], found["removed"]

    run.clone = clone
    return run


def place(clone, *names: str) -> None:
    """Empty files where the workflow looks for its inputs, in the order in which it would make them."""
    for name in names:
        path = clone.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_chunks_share_a_job_and_grow_with_the_attempt(submit):
    jobs, removed = submit(2, "--attempt", "2")
    small, large = sorted(jobs, key=lambda job: job["batch_name"])
    assert small["batch_name"].startswith("chunks_256")
    assert large["batch_name"].startswith("chunks_512")
    for job in jobs:
        assert job["executable"] == sys.executable
        assert job["request_cpus"] == "1", "members run one after another"
        assert job["request_memory"] == "4000MB", "2000 MB of one member, twice"
        assert job["request_disk"] == str(8000 * 1024)
        assert job["MY.MaxRuntime"] == str(100 * 60 * 2)
        assert job["MY.AccountingGroup"] == '"group_u_CMS.u_zh"'
        assert "request_gpus" not in job
        assert "'" not in job["arguments"]
    assert removed, "an interrupted run takes its jobs out of the queue"
    assert set(removed) <= {"1.0", "2.0"}
    # The plugin takes quotes away: what is left is still a command that Snakemake understands.
    job = small
    done = subprocess.run(
        [job["executable"], *job["arguments"].split(), "--dry-run"],
        cwd=submit.clone.folder,
        env=submit.clone.environment,
        text=True,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "simulate_chunk" in done.stderr + done.stdout


def test_trainings_ask_for_gpus(submit, root):
    from resonaut.config import load
    from resonaut.workflow import Plan

    plan = Plan(load(root / "tests/workflow/tiny.yaml"))
    kind, datasets = plan.inputs_of("tag", "pfn")
    stores = [path for name in datasets for path in plan.chunks(f"ingest/{name}/nominal", name)]
    place(submit.clone, *plan.targets("simulate"), *stores, *reversed(plan.representation(kind, datasets)))
    (job,), _ = submit(1, "results/tiny/tag/pfn/weights.safetensors", "--rerun-triggers", "mtime")
    assert job["batch_name"].startswith("tag_train")
    assert job["request_gpus"] == "2"
    assert job["request_cpus"] == "2"
    assert job["gpus_minimum_memory"] == "40000"
    assert job["gpus_minimum_capability"] == "8.0"
    assert job["require_gpus"] == 'regexp("A100", DeviceName)'
    assert job["request_memory"] == "8000MB"
    assert job["MY.MaxRuntime"] == str(60 * 60)
