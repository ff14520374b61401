"""GPUs of one machine: each job has one of its own, and a killed job gives its GPU back at once."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys

import pytest

from resonaut import gpu_slots
from resonaut.errors import ConfigError, OutputError

JOB = """
import json, os, sys
from resonaut import gpu_slots, provenance
name = gpu_slots.take()
print(json.dumps([name, os.environ.get("CUDA_VISIBLE_DEVICES")]), flush=True)
assert gpu_slots.take() == name
if len(sys.argv) > 1:
    provenance.write_run_record(sys.argv[1])
sys.stdin.readline()
"""
CLEARED = (
    gpu_slots.LISTED,
    gpu_slots.VISIBLE,
    gpu_slots.FOLDER_VARIABLE,
    "LOCAL_RANK",
    *gpu_slots.SCHEDULERS,
)


@pytest.fixture
def start(tmp_path):
    """Start jobs that take a GPU and hold it until they are told to go on; all are ended after the test."""
    jobs = []

    def started(*arguments, **environment):
        kept = {key: value for key, value in os.environ.items() if key not in CLEARED}
        job = subprocess.Popen(
            [sys.executable, "-c", JOB, *arguments],
            env={**kept, gpu_slots.LOCKS: str(tmp_path / "locks"), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        jobs.append(job)
        return job

    yield started
    for job in jobs:
        job.kill()
        job.wait()


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """This process as a job, with no GPU taken."""
    for name in CLEARED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(gpu_slots.LOCKS, str(tmp_path / "locks"))
    monkeypatch.setattr(gpu_slots, "_held", None)
    yield monkeypatch
    gpu_slots.release()


def granted(job):
    return json.loads(job.stdout.readline())


def test_jobs_have_different_gpus_and_the_next_waits_until_one_is_killed(start):
    first, second = start(RESONAUT_GPUS="0,1"), start(RESONAUT_GPUS="0,1")
    names = [granted(first), granted(second)]
    assert sorted(names) == [["0", "0"], ["1", "1"]]
    third = start(RESONAUT_GPUS="0,1")
    assert select.select([third.stdout], [], [], 2.0)[0] == []
    second.send_signal(signal.SIGKILL)
    assert granted(third) == names[1]
    # The lock files stay; only the kernel knows who holds one.
    first.communicate("\n")
    assert granted(start(RESONAUT_GPUS="0,1")) == names[0]


def test_a_worker_that_outlives_its_killed_job_keeps_no_gpu(start, tmp_path):
    code = "import os, time\nfrom resonaut import gpu_slots\ngpu_slots.take()\n"
    code += "pid = os.fork()\nif pid:\n    print(pid, flush=True)\ntime.sleep(60)"
    kept = {key: value for key, value in os.environ.items() if key not in CLEARED}
    environment = {**kept, gpu_slots.LOCKS: str(tmp_path / "locks"), "RESONAUT_GPUS": "0"}
    job = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    worker = int(job.stdout.readline())
    try:
        job.kill()
        job.wait()
        assert granted(start(RESONAUT_GPUS="0")) == ["0", "0"]
    finally:
        os.kill(worker, signal.SIGKILL)


def test_the_gpu_is_recorded_beside_the_result(start, tmp_path):
    job = start(str(tmp_path / "weights"), RESONAUT_GPUS="GPU-7f, GPU-7e")
    assert granted(job) == ["GPU-7f", "GPU-7f"]
    job.communicate("\n")
    record = json.loads((tmp_path / "weights.run.json").read_text())
    assert record["cuda_visible_devices"] == "GPU-7f"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ()),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, ()),
        ({"CUDA_VISIBLE_DEVICES": "2,3", "RESONAUT_PROCESSES": "x"}, ("2", "3")),
        ({"CUDA_VISIBLE_DEVICES": "", "RESONAUT_PROCESSES": "x"}, ()),
        ({"RESONAUT_GPUS": "1, 3,1,", "CUDA_VISIBLE_DEVICES": "0"}, ("1", "3")),
        ({"CUDA_VISIBLE_DEVICES": "0", "RESONAUT_PROCESSES": "x", "SLURM_JOB_ID": "7"}, ()),
        ({"CUDA_VISIBLE_DEVICES": "0", "RESONAUT_PROCESSES": "x", "_CONDOR_SLOT": "slot1"}, ()),
        ({"CUDA_VISIBLE_DEVICES": "0,1", "RESONAUT_GPUS": "1,2", "SLURM_JOB_ID": "7"}, ("1",)),
        ({"RESONAUT_GPUS": "0,1", "SLURM_JOB_ID": "7"}, ()),
    ],
)
def test_what_a_scheduler_granted_is_kept(alone, environment, expected):
    for name, value in environment.items():
        alone.setenv(name, value)
    assert gpu_slots.candidates() == expected
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    assert gpu_slots.take() == (expected[0] if expected else None)
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == (expected[0] if expected else before)


def test_jobs_of_a_workflow_find_the_gpus_of_the_machine(alone, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: GPU-1)'\necho 'GPU 1: A (UUID: GPU-2)'\n")
    program.chmod(0o755)
    alone.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert gpu_slots.take() is None
    alone.setenv("RESONAUT_PROCESSES", "x")
    assert gpu_slots.candidates() == ("0", "1")
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert gpu_slots.candidates() == ()


def test_processes_of_torchrun_take_none(alone):
    alone.setenv("RESONAUT_GPUS", "0,1")
    alone.setenv("LOCAL_RANK", "1")
    assert gpu_slots.take() is None


def test_a_released_gpu_is_free(alone, start):
    alone.setenv("RESONAUT_GPUS", "0")
    assert gpu_slots.take() == "0"
    gpu_slots.release()
    assert granted(start(RESONAUT_GPUS="0")) == ["0", "0"]


@pytest.mark.parametrize("text", ["../x", "0;touch x", "$(id)", "0,a b"])
def test_other_words_are_no_gpus(alone, text):
    alone.setenv("RESONAUT_GPUS", text)
    with pytest.raises(ConfigError, match=r"RESONAUT_GPUS=.* is no GPU; numbers or UUIDs"):
        gpu_slots.take()


def test_a_folder_that_others_may_redirect_is_refused(alone, tmp_path):
    alone.setenv("RESONAUT_GPUS", "0")
    (tmp_path / "locks").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="belongs to another user, or is a link"):
        gpu_slots.take()
    alone.setenv(gpu_slots.LOCKS, "/dev/null/x")
    with pytest.raises(OutputError, match="cannot hold lock files"):
        gpu_slots.take()


@pytest.mark.parametrize(
    ("device", "cuda", "taken"), [("auto", "12.6", 1), ("cpu", "12.6", 0), ("auto", None, 0)]
)
def test_a_training_takes_its_gpu_when_it_chooses_its_device(alone, device, cuda, taken):
    import torch

    from resonaut.nn.device import choose

    calls = []
    alone.setattr(gpu_slots, "take", lambda: calls.append(1))
    alone.setattr(torch.version, "cuda", cuda)
    choose(device)
    assert len(calls) == taken
