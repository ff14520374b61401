"""`resonaut reproduce`: run an archive again in a clean folder and compare every number."""

from __future__ import annotations

import argparse
from pathlib import Path

DIFFERENT = 1
MACHINES = {"auto": None, "same": True, "other": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut reproduce`."""
    parser.add_argument("archive", help="archive of a study (.zip)")
    parser.add_argument("--folder", help="new or empty; by default the archive's name with '-reproduced'")
    parser.add_argument("--cores", default="all", help="cores to use (default: all)")
    parser.add_argument(
        "--data",
        nargs="+",
        default=[],
        metavar="PATH",
        help="where inputs are that the archive does not hold",
    )
    parser.add_argument(
        "--machine",
        choices=MACHINES,
        default="auto",
        help="tolerances of the same machine type (1e-5, equal arrays) or of another one (errors of the "
        "numbers); by default told from versions and platform",
    )
    parser.epilog = (
        "It runs the sources that the archive holds: use it for archives whose authors you trust. "
        "Exit code: 0 reproduced, 1 not, others: it could not be run."
    )


def run(arguments: argparse.Namespace) -> int:
    """Run again, print what was compared, and return 1 if a number did not come back."""
    from resonaut.archive.reproduce import reproduce
    from resonaut.archive.reproduce_report import REPORT, report, text
    from resonaut.files import write_json

    archive = Path(arguments.archive)
    folder = Path(arguments.folder or archive.with_name(f"{archive.stem}-reproduced"))
    reproduction = reproduce(
        archive,
        folder,
        str(arguments.cores),
        [Path(path) for path in arguments.data],
        MACHINES[arguments.machine],
    )
    write_json(folder / REPORT, report(reproduction))
    print(text(reproduction))
    print(f"{folder / REPORT} has all of it.")
    return 0 if reproduction.agrees else DIFFERENT
