"""`resonaut status` of a folder as Snakemake leaves it: before, while, after, failed and killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resonaut import processes
from resonaut.cli import main
from resonaut.tools.status import duration
from resonaut.watching import jobs, runs

CONFIG = """
study: quick
datasets:
  qcd: {source: pythia, process: qcd_dijet, n_events: 400, chunk_events: 100, cuts: {pt_hat_min: 500}}
  top: {source: pythia, process: ttbar, n_events: 100, chunk_events: 100}
tag:
  pfn: {signal: [top], background: [qcd]}
"""
BEGIN = time.mktime((2026, 3, 1, 12, 0, 0, 0, 60, -1))
HEAD = """
Job stats:
job                count
--------------  --------
simulate_chunk         5
ingest_chunk           5
tag_train              1
all                    1
total                 12

Select jobs to execute...
"""


def stamp(seconds: float) -> str:
    return f"[{time.strftime('%a %b %d %H:%M:%S %Y', time.localtime(BEGIN + seconds))}]"


def job(number: int, rule: str, begin: float, end: float | None) -> list[tuple[float, str]]:
    """What Snakemake writes of a job."""
    what = "results/quick/x"
    lines = [(begin, f"{stamp(begin)}\nJob {number}: Something\nReason: Missing output files: {what}")]
    if end is not None:
        lines.append((end, f"{stamp(end)}\nFinished jobid: {number} (Rule: {rule})"))
    return lines


def failed(number: int, at: float, external: str = "") -> tuple[float, str]:
    lines = [
        *(stamp(at), "Error in rule tag_train:", "    message: None", f"    jobid: {number}"),
        "    input: results/quick/a, results/quick/b",
        "    output: results/quick/tag/pfn/weights.safetensors, results/quick/tag/pfn/scores.h5",
        "    log: results/quick/logs/tag/pfn.log, results/quick/logs/tag/pfn.jsonl"
        " (check log file(s) for error details)",
        *([f"    external_jobid: {external}"] if external else []),
        "    shell:",
        "        resonaut tag train --output results/quick/tag/pfn",
    ]
    return at, "\n".join(lines)


def write_log(
    folder: Path, entries: list[tuple[float, str]], end: str = "", name: str = "2026-03-01T12"
) -> Path:
    path = folder / ".snakemake/log" / f"{name}.snakemake.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + "\n".join(text for _, text in sorted(entries)) + f"\n{end}\n")
    return path


FINISHED = [
    *(entry for n in range(4) for entry in job(n, "simulate_chunk", 10 * n, 10 * n + 20)),
    *job(4, "ingest_chunk", 50, 56),
]
"""Four simulations of 20 s, two at a time, and one ingestion of 6 s: 86 s of work in 56 s."""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with the configuration, where nothing was run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/quick.yaml").write_text(CONFIG)
    return tmp_path


def status(capsys, code: int = 0) -> dict:
    assert main(["status", "quick", "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_study_that_was_never_run(folder, capsys):
    found = status(capsys)
    assert {stage["name"]: (stage["done"], stage["total"]) for stage in found["stages"]}["simulate"] == (0, 5)
    assert (found["running"], found["failures"], found["seconds_left"]) == ([], [], None)
    assert main(["status", "quick"]) == 0
    assert "study quick: never run here: `resonaut run`" in capsys.readouterr().out


def test_the_log_of_a_run_is_read(folder):
    run = runs.read(write_log(folder, [*FINISHED, *job(5, "ingest_chunk", 56, None)]))
    assert dict(run.planned) == {"simulate_chunk": 5, "ingest_chunk": 5, "tag_train": 1}
    assert dict(run.remaining) == {"simulate_chunk": 1, "ingest_chunk": 4, "tag_train": 1}
    assert run.seconds == {"simulate_chunk": [20.0] * 4, "ingest_chunk": [6.0]}
    assert run.running == {"5": BEGIN + 56}
    assert run.parallel == pytest.approx(86 / 56)
    assert not run.ended


def test_files_are_counted_with_their_age_and_their_cost(folder, capsys):
    write_log(folder, FINISHED, "Complete log(s): there")
    targets = status(capsys)["stages"]
    assert targets[0] == {**targets[0], "done": 0, "age": None, "seconds": 0.0}
    from resonaut.config import load
    from resonaut.workflow import Plan

    plan = Plan(load("config/quick.yaml"))
    for number, target in enumerate(plan.targets("simulate")[:3]):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).touch()
        os.utime(target, (time.time() - 1000 * (number + 1),) * 2)
    tables = Path(plan.study.data_folder("qcd")) / "benchmarks/nominal/000"
    tables.mkdir(parents=True)
    (tables / "000000.tsv").write_text("s\th:m:s\n12.5\t0:00:12\n")
    (tables / "000001.tsv").write_text("s\th:m:s\n7.5\t0:00:07\n")
    stage = status(capsys)["stages"][0]
    assert (stage["name"], stage["done"], stage["total"], stage["seconds"]) == ("simulate", 3, 5, 20.0)
    assert stage["age"] == pytest.approx(1000, abs=30)


def test_time_left_follows_from_the_jobs_that_are_done(folder, capsys):
    write_log(folder, FINISHED)
    processes.record(Path(processes.FOLDER).parent / "owner", os.getpid())
    found = status(capsys)
    # One simulation and four ingestions are left, 44 s of work, 86 / 56 at a time; tag_train never ran.
    assert found["seconds_left"] == pytest.approx(44 / (86 / 56))
    assert (found["unknown"], found["owner"]["alive"]) == (1, True)
    assert found["run"] == {**found["run"], "finished": 5, "planned": 11}
    assert main(["status", "quick"]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert f"running (pid {os.getpid()}): 5 of 11 jobs of the last run are done, about 29s left" in line
    # An earlier run, or a benchmark, knows the rule.
    table = folder / "results/quick/benchmarks/tag/pfn.tsv"
    table.parent.mkdir(parents=True)
    table.write_text("s\th:m:s\n42\t0:00:42\n")
    assert status(capsys)["seconds_left"] == pytest.approx((44 + 42) / (86 / 56))


def test_jobs_that_run_are_shown_with_their_last_line(folder, capsys):
    output = "results/quick/tag/pfn/weights.safetensors"
    log = folder / "results/quick/logs/tag/pfn.log"
    log.parent.mkdir(parents=True)
    write_log(folder, FINISHED)
    code = "import sys, time; print('epoch 3 of 12', file=sys.stderr, flush=True); time.sleep(60)"
    with log.open("w") as file:
        child = subprocess.Popen([sys.executable, "-c", code, "--weights", output], stderr=file)
    try:
        processes.record(Path(processes.FOLDER), child.pid, command=["tag"])
        processes.record(Path(processes.FOLDER).parent / "owner", os.getpid())
        deadline = time.monotonic() + 20
        while not log.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        (found,) = jobs.local(folder)
        assert (found.stage, found.output, found.number) == ("tag", output, str(child.pid))
        assert main(["status", "quick"]) == 0
        text = capsys.readouterr().out
        assert f"{output}  (pid {child.pid})" in text
        assert "| epoch 3 of 12" in text
        assert [line.split()[2] for line in text.splitlines() if line.startswith("tag ")] == ["1"]
    finally:
        child.kill()
        child.wait()
    assert jobs.local(folder) == []


def test_a_failure_is_told_with_the_end_of_its_log_until_it_is_mended(folder, capsys):
    log = folder / "results/quick/logs/tag/pfn.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {n}\n" for n in range(30)) + "\n")
    entries = [*FINISHED, *job(9, "tag_train", 60, None), failed(9, 70, "4711")]
    write_log(folder, entries, "Shutting down, this might take some time.")
    found = status(capsys, code=1)
    (failure,) = found["failures"]
    assert (failure["rule"], failure["external"], failure["when"]) == ("tag_train", "4711", BEGIN + 70)
    assert failure["last_lines"] == {"results/quick/logs/tag/pfn.log": [f"line {n}" for n in range(22, 30)]}
    assert {stage["name"]: stage["failed"] for stage in found["stages"]} == {
        **{stage["name"]: 0 for stage in found["stages"]},
        "tag": 1,
    }
    assert main(["status", "quick", "--lines", "2"]) == 1
    text = capsys.readouterr().out
    assert "it failed" in text.splitlines()[0]
    assert "failed: tag_train, job 4711 of the cluster: results/quick/tag/pfn/weights.safetensors" in text
    assert "    | line 28\n    | line 29" in text
    assert "line 27" not in text
    # Made by hand afterwards.
    for name in ("weights.safetensors", "scores.h5"):
        path = folder / "results/quick/tag/pfn" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert status(capsys)["failures"] == []


def test_a_killed_run_is_called_so(folder, capsys):
    write_log(folder, FINISHED)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    processes.record(Path(processes.FOLDER).parent / "owner", child.pid)
    child.kill()
    child.wait()
    assert main(["status", "quick"]) == 0
    assert f"Snakemake (pid {child.pid}) was killed: 5 of 11 jobs" in capsys.readouterr().out


def test_the_log_of_another_study_says_nothing_of_this_one(folder, capsys):
    path = write_log(folder, FINISHED)
    path.write_text(path.read_text().replace("results/quick/", "results/quickest/"))
    assert "run" not in status(capsys)


def test_jobs_of_slurm_are_those_of_this_folder(folder, capsys, monkeypatch):
    program = folder / "bin/squeue"
    program.parent.mkdir()
    lines = [
        f"12|RUNNING|1-02:03:04|{folder}|rule_tag_train_wildcards_pfn",
        f"13|PENDING|0:00|{folder}|rule_ingest_chunk_wildcards_qcd_nominal",
        "14|RUNNING|5:06|/elsewhere|rule_tag_train_wildcards_pfn",
    ]
    program.write_text("#!/bin/sh\ncat <<END\n" + "\n".join(lines) + "\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    first, second = jobs.of_slurm(folder)
    assert (first.stage, first.number, first.state) == ("tag_train", "12", "RUNNING")
    assert first.seconds == 93_784
    assert (second.stage, second.state, second.seconds) == ("ingest_chunk", "PENDING", 0)
    assert {stage["name"]: stage["running"] for stage in status(capsys)["stages"]}["tag"] == 1
    assert main(["status", "quick"]) == 0
    assert "(job 13, pending)" in capsys.readouterr().out


def test_which_study_is_meant(folder, capsys):
    assert main(["status"]) == 0
    assert main(["status", "quik"]) == 2
    assert "no configuration in config/ is of this study. Did you mean 'quick'?" in capsys.readouterr().err
    assert main(["status", "quick", "--configfile", "config/quick.yaml"]) == 2
    (folder / "config/other.yaml").write_text(CONFIG.replace("quick", "other"))
    assert main(["status"]) == 2
    assert "which study? Studies of config/ are: other, quick" in capsys.readouterr().err
    assert main(["status", "--configfile", "config/absent.yaml"]) == 3


def test_durations():
    assert [duration(s) for s in (0.2, 59.6, 3700, 200_000)] == ["0s", "1m00", "1h01", "2d07"]
