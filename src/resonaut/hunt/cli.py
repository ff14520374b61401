"""`resonaut hunt`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, settings_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the stage."""
    add_settings(parser)
    parser.add_argument(
        "--scores", required=True, type=Path, metavar="HDF5", help="scores of `resonaut detect`"
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="HDF5", help="selected spectra and fits"
    )
    parser.add_argument("--summary", required=True, type=Path, metavar="JSON", help="the same to read")


def run(arguments: argparse.Namespace) -> None:
    """Run the stage."""
    from resonaut.hunt.spectra import hunt

    hunt(settings_argument(arguments.settings), arguments.scores, arguments.output, arguments.summary)
