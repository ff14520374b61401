"""`resonaut infer global`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument
from resonaut.infer.options import add_signal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_settings(parser)
    parser.add_argument(
        "--spectra",
        nargs="+",
        required=True,
        metavar="METHOD=HDF5",
        help="spectra of `resonaut hunt`, of all methods on one mixture",
    )
    parser.add_argument(
        "--scores",
        type=Path,
        metavar="HDF5",
        help="scores of `resonaut detect` of one of the methods, for the masses of the events",
    )
    add_signal(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="the global significance")


def run(arguments: argparse.Namespace) -> None:
    """Count the trials."""
    from resonaut.infer.global_significance import run as count_trials

    count_trials(
        settings_argument(arguments.settings),
        named_paths(arguments.spectra),
        arguments.scores,
        arguments.output,
        named_paths(arguments.signal),
    )
