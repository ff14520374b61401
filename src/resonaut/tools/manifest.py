"""`resonaut manifest --output M.json FILES...`: the manifest of the chunks of a dataset."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="chunks of one dataset and one kind (HDF5)")
    parser.add_argument("--output", required=True, help="the manifest that is written (JSON)")


def run(arguments: argparse.Namespace) -> int | None:
    """Write the manifest."""
    from resonaut.manifest import write

    write(arguments.output, arguments.files)
    return None
