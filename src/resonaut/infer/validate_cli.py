"""`resonaut infer validate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument
from resonaut.infer.options import add_signal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_settings(parser)
    parser.add_argument(
        "--spectra", required=True, type=Path, metavar="HDF5", help="spectra of `resonaut hunt`"
    )
    add_signal(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="what toys say")


def run(arguments: argparse.Namespace) -> None:
    """Draw and refit toys."""
    from resonaut.infer.validation import run as validate

    validate(
        settings_argument(arguments.settings),
        arguments.spectra,
        arguments.output,
        named_paths(arguments.signal),
    )
