"""Records of processes and the clean-up of `resonaut run`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess

import pytest

from resonaut import processes
from resonaut.errors import ConfigError
from resonaut.tools import run


def test_a_record_is_alive_only_for_its_own_process_and_host(tmp_path):
    path = processes.record(tmp_path, os.getpid())
    assert processes.alive(path) == os.getpid()
    entry = json.loads(path.read_text())
    path.write_text(json.dumps({**entry, "host": "elsewhere"}))
    assert processes.alive(path) is None
    path.write_text(json.dumps({**entry, "start_time": "0"}))
    assert processes.alive(path) is None
    path.write_text("{")
    assert processes.alive(path) is None


def test_recorded_removes_its_record(tmp_path, monkeypatch):
    monkeypatch.setenv(processes.FOLDER_VARIABLE, str(tmp_path))
    with processes.recorded():
        assert [path.name for path in tmp_path.glob("*.json")] == [f"{os.getpid()}.json"]
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv(processes.FOLDER_VARIABLE)
    with processes.recorded():
        assert list(tmp_path.iterdir()) == []


def dead_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_clean_up_removes_locks_and_parts_of_the_dead_and_keeps_those_of_the_living(tmp_path):
    dead = dead_pid()
    locks = tmp_path / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").write_text("x")
    results = tmp_path / "results/demo"
    results.mkdir(parents=True)
    (results / f".scores.{dead}.part.h5").write_text("half")
    (results / f".scores.{os.getpid()}.part.h5").write_text("being written")
    (results / "scores.h5").write_text("whole")
    run.clean_up(tmp_path)
    assert not list(locks.iterdir())
    assert {path.name for path in results.iterdir()} == {f".scores.{os.getpid()}.part.h5", "scores.h5"}


def test_a_live_owner_keeps_its_lock(tmp_path):
    locks = tmp_path / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").write_text("x")
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        processes.record((tmp_path / processes.FOLDER).parent / "owner", sleeper.pid)
        with pytest.raises(run.RunningError, match=str(sleeper.pid)):
            run.clean_up(tmp_path)
    finally:
        sleeper.kill()
        sleeper.wait()
    assert list(locks.iterdir())
    run.clean_up(tmp_path)
    assert not list(locks.iterdir())


def test_an_owner_on_another_host_is_not_judged_from_here(tmp_path):
    path = processes.record((tmp_path / processes.FOLDER).parent / "owner", os.getpid())
    path.write_text(json.dumps({**json.loads(path.read_text()), "host": "node17"}))
    with pytest.raises(run.RunningError, match="node17"):
        run.clean_up(tmp_path)


def test_run_outside_a_clone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no Snakefile"):
        run.run(argparse.Namespace(configfile=None, cores="1", arguments=[]))
