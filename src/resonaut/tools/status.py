"""`resonaut status [STUDY]`: what is done, running or failed, also while it runs or after a crash."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut status`."""
    parser.add_argument("study", nargs="?", metavar="STUDY", help="name of a study in config/, or its file")
    parser.add_argument("--configfile", help="its configuration; config/demo.yaml by default")
    parser.add_argument("--lines", type=int, default=8, help="last lines of the log of a failed job (8)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.epilog = "exit code: 0, or 1 where a job of the last run failed"


def run(arguments: argparse.Namespace) -> int:
    """Print the state of the study; 1 if a job failed."""
    from resonaut.config import load
    from resonaut.study_files import configuration_of
    from resonaut.watching.summary import status
    from resonaut.workflow import Plan

    plan = Plan(load(configuration_of(arguments.study, arguments.configfile)))
    found = status(plan, Path.cwd(), max(0, arguments.lines))
    print(json.dumps(_plain(found), indent=2) if arguments.json else _text(found))
    return 1 if found.failures else 0


def _plain(found: Any) -> dict[str, Any]:
    """JSON values of a status."""
    value = {
        "study": found.study,
        "stages": [dataclasses.asdict(stage) for stage in found.stages],
        "running": [dataclasses.asdict(job) for job in found.running],
        "failures": [{**dataclasses.asdict(one), "last_lines": logs} for one, logs in found.failures],
        "owner": dataclasses.asdict(found.owner) if found.owner else None,
        "seconds_left": found.seconds_left,
        "unknown": found.unknown,
    }
    if found.run is not None:
        finished, planned = found.run.finished.total(), found.run.planned.total()
        value["run"] = {"log": str(found.run.log), "finished": finished, "planned": planned}
    return value


def _text(found: Any) -> str:
    lines = [f"study {found.study}: {_headline(found)}", ""]
    lines.append(f"{'stage':<10} {'files':>11} {'running':>8} {'failed':>7} {'newest':>9} {'took':>9}")
    for stage in found.stages:
        age = "-" if stage.age is None else f"{duration(stage.age)} ago"
        took = duration(stage.seconds) if stage.seconds else "-"
        counts = f"{stage.done}/{stage.total}"
        busy = f"{stage.running or '-':>8} {stage.failed or '-':>7}"
        lines.append(f"{stage.name:<10} {counts:>11} {busy} {age:>9} {took:>9}")
    if found.running:
        lines += ["", "running:"]
    for job in found.running:
        lines.append(f"  {job.stage:<10} {duration(job.seconds):>7}  {job.output or '?'}  ({_who(job)})")
        lines += [f"             | {text}" for text in _last(job)]
    for failure, logs in found.failures:
        job = f", job {failure.external} of the cluster" if failure.external else ""
        lines += ["", f"failed: {failure.rule}{job}: {', '.join(failure.outputs[:3]) or '?'}"]
        for log, text in logs.items():
            lines += [f"  {log}:", *(f"    | {line}" for line in text or ["(empty, or not there)"])]
    return "\n".join(lines)


def _last(job: Any) -> list[str]:
    from resonaut.watching.summary import tail

    return tail(Path(job.log), 1) if job.log else []


def _who(job: Any) -> str:
    return f"pid {job.number}" if job.state == "running" else f"job {job.number}, {job.state.lower()}"


def _headline(found: Any) -> str:
    """One sentence: whether it runs, how far it is, and how long it may take."""
    done, total = (sum(getattr(stage, name) for stage in found.stages) for name in ("done", "total"))
    if done == total and not found.failures and not (found.owner and found.owner.alive):
        return "done (`snakemake -n` says whether anything is out of date)"
    if found.run is None:
        return "never run here: `resonaut run`, or `snakemake --cores all`"
    steps = f"{found.run.finished.total()} of {found.run.planned.total()} jobs of the last run are done"
    if found.owner is None:
        ended = "it failed" if found.failures else "it has ended"
        return f"{steps}, {ended}; missing files: {total - done} (`resonaut run` goes on)"
    left = "" if found.seconds_left is None else f", about {duration(found.seconds_left)} left"
    if found.unknown and found.seconds_left is not None:
        left += f" (and {found.unknown} jobs of rules that never ran)"
    if found.owner.alive:
        return f"running (pid {found.owner.pid}): {steps}{left}"
    if found.owner.alive is None:
        return f"started on {found.owner.host} (pid {found.owner.pid}), look there: {steps}{left}"
    return (
        f"Snakemake (pid {found.owner.pid}) was killed: {steps}{left}; `resonaut run` cleans up and goes on"
    )


def duration(seconds: float) -> str:
    """Seconds in words of at most two parts.

    >>> duration(59.6), duration(3_700), duration(200_000)
    ('1m00', '1h01', '2d07')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}"
