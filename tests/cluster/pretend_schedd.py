"""Snakemake with the real HTCondor plugin and bindings, and a scheduler that only writes down what it gets.

    python pretend_schedd.py RECORD NUMBER ARGUMENTS OF SNAKEMAKE...

After NUMBER submissions Snakemake is interrupted, as by Ctrl-C. RECORD gets the submit descriptions and the
jobs that are removed then.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import htcondor2
from snakemake.cli import main

RECORD, NUMBER = sys.argv[1], int(sys.argv[2])
submitted: list[dict[str, str]] = []
removed: list[str] = []


class Result:
    """The answer to a submission."""

    def cluster(self) -> int:
        return len(submitted)


class PretendSchedd:
    """The three calls that the plugin makes."""

    def submit(self, description: htcondor2.Submit) -> Result:
        submitted.append(dict(description))
        if len(submitted) == NUMBER:
            os.kill(os.getpid(), signal.SIGINT)
        return Result()

    def act(self, action: htcondor2.JobAction, jobs: list[str]) -> None:
        removed.extend(jobs)

    def query(self, **asked: object) -> list[dict[str, object]]:
        return []


htcondor2.Schedd = PretendSchedd
try:
    main(sys.argv[3:])
finally:
    with open(RECORD, "w", encoding="utf-8") as file:
        json.dump({"submitted": submitted, "removed": removed}, file)
