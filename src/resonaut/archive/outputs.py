"""What Snakemake says of a study: every file that its rules make, and whether all of them are made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from resonaut.errors import ConfigError, InputError

TARGET = "archive"
DONE = "no update"
_SHOWN = 5
_HEADER = "output_file\t"


class UnfinishedError(InputError):
    """Files of the study are missing, or older than what they are made from."""


@dataclass(frozen=True)
class Output:
    """A file or folder that a rule makes.

    Attributes:
        path: as in the rule.
        rule: name of the rule.
        state: "ok", "missing", or what changed since it was made.
        pending: whether the rule would run again.
    """

    path: str
    rule: str
    state: str
    pending: bool


def declared(configuration: str | os.PathLike, folder: Path) -> list[Output]:
    """All outputs of the rules that an archive needs, sorted by path.

    Args:
        configuration: of the study.
        folder: where Snakemake runs.

    Raises:
        ConfigError: Snakemake refuses the configuration.
    """
    done = _snakemake(folder, configuration, "--summary", TARGET)
    if done.returncode:
        raise ConfigError(f"{configuration}: Snakemake cannot plan the study:\n{_last_lines(done.stderr)}")
    lines = done.stdout.splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith(_HEADER)), len(lines))
    rows = [line.split("\t") for line in lines[first + 1 :] if line.count("\t") >= 5]
    return sorted(
        (Output(row[0], row[2], row[-2], row[-1] != DONE) for row in rows), key=lambda output: output.path
    )


def require_finished(outputs: Sequence[Output], configuration: str | os.PathLike) -> None:
    """Refuse a study of which something is still to be made.

    Raises:
        UnfinishedError: names what is missing, and the command that makes it.
    """
    pending = [output for output in outputs if output.pending or output.state == "missing"]
    if not pending:
        return
    shown = "\n".join(f"  {output.path} ({_words(output)})" for output in pending[:_SHOWN])
    more = f"\n  and {len(pending) - _SHOWN} more" if len(pending) > _SHOWN else ""
    raise UnfinishedError(
        f"{configuration}: the study is not finished: {len(pending)} of {len(outputs)} files are to be "
        f"made:\n{shown}{more}\nRun `resonaut run --configfile {configuration} -- {TARGET}` first, or "
        "`make archive`, which does both."
    )


def _words(output: Output) -> str:
    state = "what it is made from has changed" if output.state == "ok" else output.state
    return f"rule {output.rule}: {state}"


def write_report(configuration: str | os.PathLike, folder: Path, target: Path) -> None:
    """Write Snakemake's report, one HTML file.

    Raises:
        InputError: Snakemake cannot.
    """
    done = _snakemake(folder, configuration, "--report", str(target), target=TARGET)
    if done.returncode or not target.exists():
        raise InputError(f"{configuration}: Snakemake writes no report:\n{_last_lines(done.stderr)}")


def _snakemake(
    folder: Path, configuration: str | os.PathLike, *words: str, target: str | None = None
) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--nolock",
        "--cores",
        "all",
        "--configfile",
        str(configuration),
    ]
    command += words if target is None else [*words, "--", target]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-8:])
