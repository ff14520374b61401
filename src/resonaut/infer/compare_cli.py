"""`resonaut infer compare`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import named_paths
from resonaut.infer.options import add_searches


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_searches(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="the comparison")
    parser.add_argument("--table", required=True, type=Path, metavar="MARKDOWN", help="the same as tables")


def run(arguments: argparse.Namespace) -> None:
    """Compare."""
    from resonaut.infer.compare import run as compare

    compare(
        named_paths(arguments.evaluations),
        named_paths(arguments.significances),
        arguments.output,
        arguments.table,
    )
