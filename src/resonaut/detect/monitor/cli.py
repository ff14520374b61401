"""Command line of `detect monitor`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from resonaut.cli import add_settings, named_paths, settings_argument


def add_arguments(actions: Any) -> None:
    """Add the action `monitor` to the subparsers of the stage."""
    parser = actions.add_parser("monitor", help="watch histograms of runs, and show the monitor faults")
    add_settings(parser)
    parser.add_argument("--stores", nargs="+", required=True, metavar="NAME=MANIFEST")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    parser.add_argument("--table", type=Path, required=True, help="Markdown to write")
    parser.add_argument(
        "--threads", type=int, default=2, help="CPU threads; another number may change last digits"
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the action."""
    from resonaut.detect.monitor import run

    run.run(
        settings_argument(arguments.settings),
        named_paths(arguments.stores),
        *(arguments.output, arguments.table, arguments.threads),
    )
