"""What of a study is done, running or failed, and how long the rest may take."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resonaut.watching import jobs, runs

STAGES = ("simulate", "ingest", "represent", "tag", "tune", "generate", "detect", "hunt", "infer", "review")
_TAIL_BYTES = 8192


@dataclass(frozen=True)
class Stage:
    """One stage of a study.

    Attributes:
        name: of the stage.
        done, total: files that it is asked for.
        running: what runs of it.
        failed: jobs of it that failed in the last run, and were not made since.
        age: seconds since its newest file was written; None without any.
        seconds: that its jobs took, as their benchmarks say.
    """

    name: str
    done: int
    total: int
    running: int
    failed: int
    age: float | None
    seconds: float


@dataclass(frozen=True)
class Status:
    """A study now.

    Attributes:
        study: its name.
        stages: those that it has.
        running: jobs that are alive.
        failures: of the last run, with the last lines of their logs.
        owner: the Snakemake that runs, or that was killed; None where the last one ended by itself.
        run: the last run; None before the first.
        seconds_left: estimate for the jobs of the last run that are left; None where it has ended or nothing
            is known of their rules.
        unknown: jobs of rules that never ran, which the estimate leaves out.
    """

    study: str
    stages: tuple[Stage, ...]
    running: tuple[jobs.Job, ...]
    failures: tuple[tuple[runs.Failure, dict[str, list[str]]], ...]
    owner: jobs.Owner | None
    run: runs.Run | None
    seconds_left: float | None
    unknown: int


def status(plan: Any, folder: Path, lines: int = 8) -> Status:
    """Look at a study.

    Args:
        plan: `resonaut.workflow.Plan` of its configuration.
        folder: where Snakemake is started.
        lines: how many of the log of a failed job.
    """
    study, now = plan.study.study, time.time()
    past = runs.of_study(study, folder / runs.FOLDER)
    run = past[0] if past else None
    alive = [job for job in jobs.local(folder) if _is_of(job, plan)] + jobs.of_slurm(folder)
    known = jobs.owners(folder)
    owner = next((one for one in known if one.alive), known[-1] if known else None)
    failed = [failure for failure in (run.failures if run else []) if not _made_since(failure, folder)]
    # A job that was tried again and failed again is told once.
    last = {tuple(failure.outputs) or (failure.rule,): failure for failure in failed}
    benchmarks = _benchmarks(plan, folder)
    going_on = bool(run and not run.ended and run.remaining)
    left, unknown = _left(past, benchmarks, alive) if going_on else (None, 0)
    return Status(
        study=study,
        stages=tuple(
            stage
            for name in STAGES
            if (stage := _stage(name, plan, folder, now, alive, list(last.values()), benchmarks)).total
        ),
        running=tuple(alive),
        failures=tuple(
            (one, {log: tail(folder / log, lines) for log in _texts(one)}) for one in last.values()
        ),
        owner=owner if going_on or (owner and owner.alive) else None,
        run=run,
        seconds_left=left,
        unknown=unknown,
    )


def _is_of(job: jobs.Job, plan: Any) -> bool:
    """Whether a job works for this study; events that are simulated are shared by all."""
    shared = job.output.startswith("results/_data/")
    return shared or job.output.startswith(f"{plan.base}/") or not job.output


def _stage(
    name: str,
    plan: Any,
    folder: Path,
    now: float,
    alive: Sequence[jobs.Job],
    failed: Sequence[runs.Failure],
    benchmarks: dict[str, list[float]],
) -> Stage:
    files = plan.targets(name)
    times = []
    for file in files:
        try:
            times.append(os.stat(folder / file).st_mtime)
        except OSError:
            continue
    return Stage(
        name=name,
        done=len(times),
        total=len(files),
        running=sum(stage_of(job.stage, job.output) == name for job in alive),
        failed=sum(stage_of(one.rule, next(iter(one.outputs), "")) == name for one in failed),
        age=now - max(times) if times else None,
        seconds=sum(benchmarks.get(name, [])),
    )


def stage_of(rule: str, output: str = "") -> str:
    """The stage of a rule or command, by its name, or else by the folder of its output."""
    head = rule.split("_")[0]
    if rule in ("tag_tune", "tune"):
        return "tune"
    if head in STAGES:
        return head
    parts = output.split("/")
    below = parts[2] if len(parts) > 3 else head
    return "simulate" if len(parts) > 1 and parts[1] == "_data" else below


def _made_since(failure: runs.Failure, folder: Path) -> bool:
    """Whether all outputs of a failed job stand there now, newer than the failure."""
    try:
        times = [os.stat(folder / output).st_mtime for output in failure.outputs]
    except OSError:
        return False
    return bool(times) and min(times) >= failure.when


def _texts(failure: runs.Failure) -> list[str]:
    return [log for log in failure.logs if not log.endswith(".jsonl")]


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a text file that are not empty; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]


def _benchmarks(plan: Any, folder: Path) -> dict[str, list[float]]:
    """Seconds of the jobs of each stage, by the folder of their benchmarks."""
    found: dict[str, list[float]] = {}
    simulated = [name for name in plan.study.datasets if plan.study.is_simulated(name)]
    places = {folder / plan.study.data_folder(name) / "benchmarks": "simulate" for name in simulated}
    for place, stage in [*places.items(), (folder / plan.base / "benchmarks", "")]:
        for path in place.rglob("*.tsv"):
            try:
                seconds = float(path.read_text().splitlines()[1].split("\t")[0])
            except (OSError, IndexError, ValueError):
                continue
            found.setdefault(stage or stage_of(path.relative_to(place).parts[0]), []).append(seconds)
    return found


def _left(
    past: Sequence[runs.Run], benchmarks: dict[str, list[float]], alive: Sequence[jobs.Job]
) -> tuple[float | None, int]:
    """Estimated seconds until the jobs of the last run are done, and the number of jobs left out of it."""
    run, total, unknown = past[0], 0.0, Counter[str]()
    for rule, count in run.remaining.items():
        known = next((one.seconds[rule] for one in past if rule in one.seconds), None)
        known = known or benchmarks.get(stage_of(rule))
        if known is None:
            unknown[rule] = count
        else:
            total += count * sum(known) / len(known)
    if sum(unknown.values()) == sum(run.remaining.values()):
        return None, sum(unknown.values())
    spent = sum(job.seconds for job in alive if job.state.lower() == "running")
    return max(0.0, total - spent) / run.parallel, sum(unknown.values())
