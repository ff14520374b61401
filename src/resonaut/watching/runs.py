"""What Snakemake wrote of its runs: jobs planned, started, finished, failed, and how long each rule took."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(".snakemake/log")
_TIME = re.compile(r"^\[([A-Z][a-z]{2} [A-Z][a-z]{2} .+ \d{4})\]$")
_STARTED = re.compile(r"^Job (\d+): ")
_FINISHED = re.compile(r"^Finished jobid: (\d+) \(Rule: (\w+)\)")
_ERROR = re.compile(r"^Error in (?:local)?(?:rule|group) ([\w-]+):")
_COUNT = re.compile(r"^(\w+) +(\d+)$")
_FIELD = re.compile(r"^    (\w+): (.*)$")
_MAX_BYTES = 64 * 2**20
"""Of one log; what is beyond is not read."""


@dataclass
class Failure:
    """A job that failed.

    Attributes:
        rule: its rule.
        when: seconds since 1970.
        outputs, logs: its files.
        external: its number at the cluster's scheduler; empty for a local job.
    """

    rule: str
    when: float
    outputs: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    external: str = ""


@dataclass
class Run:
    """One run of Snakemake, as far as it came.

    Attributes:
        log: its file.
        begin, last: of what was written, seconds since 1970.
        planned, finished: jobs by rule.
        running: number of each job that was started and has not ended -> when.
        seconds: how long the finished jobs of each rule took.
        failures: jobs that failed.
        ended: whether Snakemake ended by itself.
    """

    log: Path
    begin: float = 0.0
    last: float = 0.0
    planned: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)
    running: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    ended: bool = False

    @property
    def remaining(self) -> Counter[str]:
        """Jobs of each rule that were planned and have not been finished."""
        left = self.planned - self.finished
        return Counter({rule: count for rule, count in left.items() if count > 0})

    @property
    def parallel(self) -> float:
        """Jobs that ran at the same time, on average; at least 1."""
        busy = sum(map(sum, self.seconds.values())) + sum(
            self.last - begin for begin in self.running.values()
        )
        return max(1.0, busy / max(1.0, self.last - self.begin))


def read(path: Path) -> Run:
    """Read the log of a run, also while it grows."""
    run = Run(path)
    with path.open(encoding="utf-8", errors="replace") as file:
        _Reader(run).read(file)
    return run


def of_study(study: str, folder: Path = FOLDER, most: int = 5) -> list[Run]:
    """The runs of a study whose logs are there, the newest first, at most `most` of them."""
    found = []
    for path in sorted(folder.glob("*.snakemake.log"), reverse=True):
        with path.open("rb") as file:
            mentions = f"results/{study}/".encode() in file.read(_MAX_BYTES)
        if mentions:
            run = read(path)
            # A dry run leaves a log too, without a time in it.
            if run.begin:
                found.append(run)
        if len(found) == most:
            break
    return found


class _Reader:
    """Walks through the lines of a log."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.now = 0.0
        self.failure: Failure | None = None
        self.counting = False

    def read(self, lines: Iterable[str]) -> None:
        size = 0
        for line in lines:
            size += len(line)
            if size > _MAX_BYTES:
                return
            self._line(line.rstrip("\n"))

    def _line(self, line: str) -> None:
        if self.failure is not None:
            if self._of_failure(line):
                return
            self.failure = None
        head = line[:1]
        if self.counting or line.startswith("Job stats:"):
            self._count(line)
        elif head == "[":
            self._time(line)
        elif head == "J" and (match := _STARTED.match(line)):
            self.run.running[match[1]] = self.now
        elif head == "F" and (match := _FINISHED.match(line)):
            begin = self.run.running.pop(match[1], None)
            if match[2] == "all":
                return
            self.run.finished[match[2]] += 1
            if begin is not None:
                self.run.seconds.setdefault(match[2], []).append(self.now - begin)
        elif head == "E" and (match := _ERROR.match(line)):
            self.failure = Failure(match[1], self.now)
            self.run.failures.append(self.failure)
        elif line.startswith(("Complete log", "Shutting down")):
            self.run.ended = True

    def _count(self, line: str) -> None:
        self.counting = bool(line.strip())
        match = _COUNT.match(line)
        if match and match[1] not in ("total", "all"):
            self.run.planned[match[1]] = int(match[2])

    def _time(self, line: str) -> None:
        match = _TIME.match(line)
        if match is None:
            return
        try:
            self.now = time.mktime(time.strptime(match[1]))
        except ValueError:
            return
        self.run.begin = self.run.begin or self.now
        self.run.last = self.now

    def _of_failure(self, line: str) -> bool:
        """Take one of the indented lines that follow an error; False for any other line."""
        if not line.startswith("    "):
            return False
        match = _FIELD.match(line)
        if match and match[1] == "jobid":
            self.run.running.pop(match[2], None)
        elif match and match[1] == "output":
            self.failure.outputs = match[2].split(", ")
        elif match and match[1] == "log":
            self.failure.logs = match[2].removesuffix(" (check log file(s) for error details)").split(", ")
        elif match and match[1] == "external_jobid":
            self.failure.external = match[2]
        return True
