"""`resonaut archive [--configfile X] [--output F]`: pack a finished study for review into one file."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut archive`."""
    parser.add_argument(
        "--configfile", default="config/demo.yaml", metavar="YAML", help="the study (default: %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="ZIP", help="the archive (default: results/<study>/archive.zip)"
    )
    parser.add_argument("--no-report", action="store_true", help="leave out Snakemake's report")


def run(arguments: argparse.Namespace) -> None:
    """Pack the study, and say what came of it."""
    from resonaut.archive.build import build

    made = build(arguments.configfile, arguments.output, report=not arguments.no_report)
    print(f"{made.path}: {made.n_files} files, {made.n_bytes / 1e6:.1f} MB, sha256 {made.sha256}")
