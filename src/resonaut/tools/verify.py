"""`resonaut verify`: check an archive, one line per check."""

from __future__ import annotations

import argparse

WRONG = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut verify`."""
    parser.add_argument("archive", help="archive of a study (.zip)")
    parser.add_argument("--max-bytes", type=int, help="refuse an archive that unpacks to more")
    parser.epilog = "exit code: 0 if every check passes (warnings do not count), 1 if one fails"


def run(arguments: argparse.Namespace) -> int:
    """Check, print one line per check, and return 1 if one fails."""
    from pathlib import Path

    from resonaut.archive.verify import WARNING, verify
    from resonaut.archive.verify import WRONG as FAILED
    from resonaut.errors import MissingFileError

    if not Path(arguments.archive).is_file():
        raise MissingFileError(f"{arguments.archive}: no such file; `resonaut archive` makes one.")
    limits = {"max_bytes": arguments.max_bytes} if arguments.max_bytes else {}
    states = []
    for outcome in verify(arguments.archive, **limits):
        print(outcome.line(), flush=True)
        states.append(outcome.state)
    failed, doubtful = states.count(FAILED), states.count(WARNING)
    verdict = f"{failed} of {len(states)} checks failed" if failed else f"all {len(states)} checks passed"
    print(f"{arguments.archive}: {verdict}{f', {doubtful} with warnings' if doubtful else ''}.")
    return WRONG if failed else 0
