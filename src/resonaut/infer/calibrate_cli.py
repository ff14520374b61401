"""`resonaut infer calibrate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument
from resonaut.infer.options import add_signal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_settings(parser)
    parser.add_argument(
        "--data", nargs="+", required=True, type=Path, metavar="HDF5", help="spectra of the data, by method"
    )
    parser.add_argument(
        "--pseudo",
        nargs="+",
        required=True,
        type=Path,
        metavar="HDF5",
        help="spectra of parts of the pseudo-experiments, of all methods, in any order",
    )
    add_signal(parser)
    parser.add_argument(
        "--null", type=Path, metavar="JSON", help="calibration without signal, for the power of injected ones"
    )
    parser.add_argument(
        "--round", type=int, metavar="NUMBER", help="say only whether to stop after this round, from 0"
    )
    parser.add_argument("--before", type=Path, metavar="JSON", help="what was said after the round before")
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="the calibration")


def run(arguments: argparse.Namespace) -> None:
    """Calibrate, or say whether to stop."""
    from resonaut.infer.calibrate import calibrate, write_round

    settings, signal = settings_argument(arguments.settings), named_paths(arguments.signal)
    files = (settings, arguments.data, arguments.pseudo)
    if arguments.round is None:
        calibrate(*files, arguments.output, arguments.null, signal)
        return
    write_round(*files, arguments.round, arguments.before, arguments.output, signal)
