"""`resonaut doctor [STUDY]`: what of this machine and of a study works, and what mends the rest."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

_COLOURS = {"green": "32", "yellow": "33", "red": "31"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut doctor`."""
    parser.add_argument("study", nargs="?", metavar="STUDY", help="name of a study in config/, or its file")
    parser.add_argument("--configfile", help="its configuration; config/demo.yaml by default")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.epilog = "exit code: 0, or 1 where a line is red"


def run(arguments: argparse.Namespace) -> int:
    """Print a line per check; 1 if one is red."""
    findings = examine(arguments.study, arguments.configfile, Path.cwd())
    counts = {level: sum(one.level == level for one in findings) for level in _COLOURS}
    if arguments.json:
        print(json.dumps([dataclasses.asdict(one) for one in findings], indent=2))
    else:
        print(_text(findings, colours=sys.stdout.isatty()))
        print(f"\n{counts['green']} green, {counts['yellow']} yellow, {counts['red']} red")
    return 1 if counts["red"] else 0


def examine(study: str | None, configfile: str | None, folder: Path) -> list[Any]:
    """All checks, in the order in which they are told."""
    from resonaut import clone, sbom
    from resonaut.doctor import cluster, hardware, software
    from resonaut.doctor import study as of_study
    from resonaut.errors import ConfigError, MissingFileError
    from resonaut.study_files import configuration_of

    try:
        locked = sbom.read_lock(clone.root() / sbom.LOCK)
    except MissingFileError:
        locked = {}
    found = [software.system(), software.python(), software.packages(locked), software.command()]
    found += [software.container(), hardware.gpu(), hardware.cores(), hardware.memory()]
    found += [cluster.slurm(), cluster.htcondor(), of_study.lock(folder)]
    try:
        path = configuration_of(study, configfile)
    except ConfigError as error:
        if study or configfile:
            raise
        # Without a study the machine alone is looked at.
        reason = of_study.Finding(
            "configuration", "yellow", str(error), "name a study: resonaut doctor STUDY"
        )
        return [*found, reason, hardware.disk(folder, 0.0)]
    finding, given = of_study.configuration(path)
    found.append(finding)
    if given is None:
        return [*found, hardware.disk(folder, 0.0)]
    space = of_study.bytes_needed(given), of_study.bytes_made(given, folder)
    found += [*of_study.data(given), cluster.proxy(of_study.reads_xrootd(given))]
    return [*found, hardware.disk(folder, *space)]


def _text(findings: list[Any], colours: bool) -> str:
    """A line per finding, and a line with the fix below those that are not green."""
    width = max(len(one.what) for one in findings)
    lines = []
    for one in findings:
        level = f"{one.level:<6}"
        if colours:
            level = f"\033[{_COLOURS[one.level]}m{level}\033[0m"
        first, *more = one.text.splitlines() or [""]
        lines.append(f"{level}  {one.what:<{width}}  {first}")
        indent = " " * (width + 10)
        lines += [indent + line for line in more]
        if one.fix and one.level != "green":
            lines.append(f"{indent}fix: {one.fix}")
    return "\n".join(lines)
