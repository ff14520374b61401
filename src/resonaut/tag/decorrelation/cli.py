"""`resonaut tag decorrelation`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from resonaut.cli import add_results, add_settings, named_paths, settings_argument


def add_arguments(actions: Any) -> None:
    """Add the action `decorrelation`."""
    parser = actions.add_parser("decorrelation", help="how much selected background follows a variable")
    add_settings(parser)
    parser.add_argument(
        "--scores", nargs="+", required=True, metavar="TAGGER=FILE", help="scores.h5 of `tag train`"
    )
    parser.add_argument("--response", type=Path, help="JSON of `tag response`")
    add_results(parser, threads=False)


def run(arguments: argparse.Namespace) -> None:
    """Measure the decorrelation of taggers."""
    from resonaut.tag.decorrelation import run as decorrelation

    decorrelation.run(
        settings_argument(arguments.settings),
        named_paths(arguments.scores),
        *(arguments.output, arguments.table, arguments.response),
    )
