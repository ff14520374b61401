"""`resonaut infer conformal`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--spectra", required=True, type=Path, metavar="HDF5", help="spectra of a hunt with hunt.conformal"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="significances")


def run(arguments: argparse.Namespace) -> None:
    """Test conformal counts."""
    from resonaut.infer.conformal_report import run as report

    report(arguments.spectra, arguments.output)
