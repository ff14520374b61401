"""Command line of the stage `detect`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the one action: train out of fold and score."""
    add_settings(parser)
    parser.add_argument("--mixture", type=Path, required=True, help="mixture of `represent mix`")
    parser.add_argument("--features", nargs="+", default=[], metavar="NAME=MANIFEST")
    parser.add_argument("--images", nargs="+", default=[], metavar="NAME=MANIFEST")
    parser.add_argument(
        "--output", type=Path, required=True, help="HDF5 to write: a score per window and event"
    )
    parser.add_argument("--metrics", type=Path, required=True, help="JSON to write: losses and networks")
    parser.add_argument(
        "--threads", type=int, default=2, help="CPU threads; another number may change last digits"
    )


def run(arguments: argparse.Namespace) -> None:
    """Train a detector and write its scores."""
    from resonaut.detect import train

    train.run(
        settings_argument(arguments.settings),
        arguments.mixture,
        named_paths(arguments.features),
        named_paths(arguments.images),
        arguments.output,
        arguments.metrics,
        arguments.threads,
    )
