"""SIGKILL of Snakemake at many points: `resonaut run` cleans up and ends with the same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resonaut import processes

# Each run is killed when this many more files have appeared below results/, at growing depths of the chain.
POINTS = (1, 3, 6, 9, 13, 18, 23, 29, 35, 42)
SOME = (9, 35)


def outputs(folder: Path) -> int:
    """Files that a rule has declared and finished."""
    suffixes = (".root", ".h5", ".json", ".png", ".safetensors")
    return sum(
        path.suffix in suffixes and not path.name.startswith(".") and not path.name.endswith(".run.json")
        for path in (folder / "results").rglob("*.*")
    )


def live(folder: Path) -> list[int]:
    """Pids of jobs that are recorded and alive."""
    return [pid for path in (folder / processes.FOLDER).glob("*.json") if (pid := processes.alive(path))]


def start(clone) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "resonaut.cli", "run", "--configfile", "study.yaml", "--cores", "2"],
        cwd=clone.folder,
        env=clone.environment,
        stdout=(clone.folder / "run.log").open("w"),
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )


def owner(folder: Path) -> int | None:
    """Pid of the Snakemake that owns the run."""
    for path in (folder / processes.FOLDER).parent.glob("owner/*.json"):
        if pid := processes.alive(path):
            return pid
    return None


@pytest.mark.parametrize("points", [SOME, pytest.param(POINTS, marks=pytest.mark.full)])
def test_kills_and_the_same_numbers(clone, finished_once, points):
    orphans = locks = 0
    for point in points:
        runner = start(clone)
        deadline = time.monotonic() + 300
        while outputs(clone.folder) < point or not live(clone.folder) or owner(clone.folder) is None:
            assert time.monotonic() < deadline, (clone.folder / "run.log").read_text()[-3000:]
            assert runner.poll() is None, (clone.folder / "run.log").read_text()[-3000:]
            time.sleep(0.005)
        os.kill(owner(clone.folder), signal.SIGKILL)
        assert runner.wait() != 0
        orphans += len(live(clone.folder))
        locks += bool(list((clone.folder / ".snakemake/locks").glob("*.lock")))
    assert orphans >= len(points) // 2, "jobs outlive a killed Snakemake; if not, this test shows nothing"
    assert locks == len(points)
    clone.resonaut("run", "--configfile", "study.yaml", "--cores", "2")
    assert not live(clone.folder)
    assert not list((clone.folder / "results").rglob("*.part*"))
    assert clone.results() == finished_once.results()


def test_a_live_run_is_not_disturbed(clone):
    runner = start(clone)
    deadline = time.monotonic() + 120
    while not live(clone.folder) or owner(clone.folder) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    second = clone.resonaut("run", "--configfile", "study.yaml", "--cores", "1", check=False)
    assert second.returncode == 8
    assert "Snakemake is running here" in second.stdout
    assert runner.poll() is None
    runner.send_signal(signal.SIGTERM)
    runner.wait(timeout=120)


def test_a_reused_pid_is_not_killed(tmp_path):
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        path = processes.record(tmp_path, sleeper.pid)
        path.write_text(path.read_text().replace('"start_time": "', '"start_time": "9'))
        assert processes.end_all(tmp_path) == []
        assert sleeper.poll() is None
        processes.record(tmp_path, sleeper.pid)
        assert processes.end_all(tmp_path) == [sleeper.pid]
        assert sleeper.wait() == -signal.SIGTERM
    finally:
        sleeper.kill()
