"""`resonaut infer test`."""

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
    parser.add_argument(
        "--significance", required=True, type=Path, metavar="JSON", help="p-values and limits of all windows"
    )
    parser.add_argument(
        "--workspaces", required=True, type=Path, metavar="FOLDER", help="folder of the pyhf workspaces"
    )
    add_signal(parser)
    parser.add_argument(
        "--variations",
        type=Path,
        metavar="HDF5",
        help="signal of `hunt templates`, for infer.uncertainties.variations",
    )


def run(arguments: argparse.Namespace) -> None:
    """Test every window."""
    from resonaut.infer.significance import infer

    infer(
        settings_argument(arguments.settings),
        arguments.spectra,
        arguments.significance,
        arguments.workspaces,
        named_paths(arguments.signal),
        arguments.variations,
    )
