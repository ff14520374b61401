"""Command line of `detect monitor`."""

from __future__ import annotations

import argparse
from typing import Any

from resonaut.cli import add_results, add_settings, named_paths, settings_argument


def add_arguments(actions: Any) -> None:
    """Add the action `monitor` to the subparsers of the stage."""
    parser = actions.add_parser("monitor", help="watch histograms of runs, and show the monitor faults")
    add_settings(parser)
    parser.add_argument("--stores", nargs="+", required=True, metavar="NAME=MANIFEST")
    add_results(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the action."""
    from resonaut.detect.monitor import run

    run.run(
        settings_argument(arguments.settings),
        named_paths(arguments.stores),
        *(arguments.output, arguments.table, arguments.threads),
    )
