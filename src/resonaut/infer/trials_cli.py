"""`resonaut infer trials`."""

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
        metavar="MIXTURE/METHOD=HDF5",
        help="spectra of parts of pseudo-experiments, for example data:null:part0/cwola=spectra.h5",
    )
    parser.add_argument(
        "--data", nargs="+", default=[], metavar="METHOD=HDF5", help="spectra of the data, for their p-values"
    )
    add_signal(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="rates and p-values")
    parser.add_argument("--table", required=True, type=Path, metavar="MARKDOWN", help="the same as a table")


def run(arguments: argparse.Namespace) -> None:
    """Compare global p-values."""
    from resonaut.infer.trials import run as compare

    compare(
        settings_argument(arguments.settings),
        named_paths(arguments.spectra),
        arguments.output,
        arguments.table,
        named_paths(arguments.data),
        named_paths(arguments.signal),
    )
