"""Faults of whole runs: jobs that die under Snakemake, two runs at once, clocks that are wrong."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults import COMMANDS, content

from resonaut import processes

DAY = 86_400
HUNT = ("results/tiny/hunt/data/cwola/spectra.h5", "results/tiny/hunt/data/cwola/hunt.json")


def written(clone, stage: str) -> list[Path]:
    """What one job of a stage writes."""
    return [path for pattern in COMMANDS[stage][1] for path in sorted(clone.folder.glob(pattern))]


def start(clone, *targets: str) -> subprocess.Popen:
    """`resonaut run` of some files, its output in a file."""
    words = ["run", "--configfile", "study.yaml", "--cores", "1", "--", *targets]
    return subprocess.Popen(
        [sys.executable, "-m", "resonaut.cli", *words],
        cwd=clone.folder,
        env=clone.environment,
        stdout=(clone.folder / "run.log").open("w"),
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )


def frozen_job(clone, runner: subprocess.Popen) -> int:
    """Pid of the first job that is alive, stopped where it is."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert runner.poll() is None, (clone.folder / "run.log").read_text()[-3000:]
        for path in (clone.folder / processes.FOLDER).glob("*.json"):
            if pid := processes.alive(path):
                os.kill(pid, signal.SIGSTOP)
                return pid
        time.sleep(0.005)
    raise AssertionError("no job started")


def path_of(other, path: Path, clone) -> Path:
    """The same file in another clone."""
    return other.folder / path.relative_to(clone.folder)


def same(path: Path, other: Path) -> bool:
    """Whether two files hold the same; uproot writes times into ROOT files."""
    return content(path) == content(other)


@pytest.mark.parametrize(
    "stage", ["hunt", *(pytest.param(name, marks=pytest.mark.full) for name in COMMANDS if name != "hunt")]
)
def test_a_job_that_dies_while_others_try_to_start(finished, finished_once, stage):
    """SIGKILL is what the kernel sends where a job takes more memory than there is, or than it may."""
    outputs = [path for path in written(finished, stage) if path.name[0] != "."]
    for path in outputs:
        path.unlink()
    first = str(outputs[0].relative_to(finished.folder))
    runner = start(finished, first)
    job = frozen_job(finished, runner)
    try:
        second = finished.resonaut("run", "--configfile", "study.yaml", "--cores", "1", check=False)
        assert second.returncode == 8
        assert "Snakemake is running here" in second.stdout
        plain = finished.snakemake(first, check=False)
        assert plain.returncode == 1
        assert "LockException" in plain.stdout
        assert runner.poll() is None
    finally:
        os.kill(job, signal.SIGKILL)
    assert runner.wait(timeout=300) == 1
    log = (finished.folder / "run.log").read_text()
    assert re.search(r"Error in rule \w+:", log)
    assert first in log
    for path in outputs:
        assert not path.exists() or same(path, path_of(finished_once, path, finished))
    finished.resonaut("run", "--configfile", "study.yaml", "--cores", "2", "--", first)
    for path in outputs:
        assert same(path, path_of(finished_once, path, finished)), path
    assert not list((finished.folder / "results").rglob("*.part*"))
    assert not list((finished.folder / ".snakemake/locks").glob("*.lock"))


def test_two_runs_that_start_at_the_same_time(finished, finished_once):
    for name in HUNT:
        (finished.folder / name).unlink()
    words = [
        sys.executable,
        "-m",
        "resonaut.cli",
        "run",
        "--configfile",
        "study.yaml",
        "--cores",
        "1",
        "--",
        HUNT[0],
    ]
    pair = [
        subprocess.Popen(
            words,
            cwd=finished.folder,
            env=finished.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in pair]
    codes = [process.returncode for process in pair]
    assert sorted(codes) == [0, 8], outputs
    assert "running here" in outputs[codes.index(8)]
    assert finished.results() == finished_once.results()


@pytest.mark.parametrize("days", [400, pytest.param(-9000, marks=pytest.mark.full)])
def test_files_from_the_future_and_the_past(finished, days):
    """Files are compared by content: a clock that was wrong when they were written reruns nothing."""
    paths = [path for path in (finished.folder / "results").rglob("*") if path.is_file()]
    for number, path in enumerate(paths):
        moment = time.time() + days * DAY + (number * 7919) % 1000
        os.utime(path, (moment, moment))
    assert finished.planned() == {}


def test_a_folder_that_snakemake_may_not_write(finished, finished_once):
    """A file stands where the logs go: the error names it, and then it is as if nothing had been."""
    for name in HUNT:
        (finished.folder / name).unlink()
    logs = finished.folder / "results/tiny/logs/hunt"
    moved = logs.with_name("moved")
    logs.rename(moved)
    logs.write_text("")
    words = ("run", "--configfile", "study.yaml", "--cores", "1", "--", HUNT[0])
    done = finished.resonaut(*words, check=False)
    assert done.returncode == 1
    assert "results/tiny/logs/hunt" in done.stdout
    assert not (finished.folder / HUNT[0]).exists()
    logs.unlink()
    moved.rename(logs)
    finished.resonaut(*words)
    assert finished.results() == finished_once.results()


def test_a_temporary_file_of_a_job_that_died_under_a_living_snakemake(finished):
    """Nothing else tells of it: no lock, no owner; the next run removes it all the same."""
    done = subprocess.Popen([sys.executable, "-c", "pass"])
    done.wait()
    left = finished.folder / f"results/tiny/tag/pfn/.scores.somewhere.{done.pid}.part.h5"
    left.write_bytes(b"half")
    output = finished.resonaut("run", "--configfile", "study.yaml", "--cores", "1").stdout
    assert "removed 1 half-written files" in output
    assert not left.exists()
