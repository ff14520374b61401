"""Command line of `tag trigger`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from resonaut.cli import add_results, add_settings, named_paths, settings_argument


def add_arguments(actions: Any) -> None:
    """Add the action `trigger` to the stage's subparsers."""
    parser = actions.add_parser("trigger", help="put a dense tagger or autoencoder into fixed point")
    add_settings(parser)
    parser.add_argument("--features", nargs="+", required=True, metavar="NAME=MANIFEST")
    parser.add_argument("--weights", type=Path, required=True, help="safetensors of `tag train`")
    parser.add_argument("--firmware", type=Path, required=True, help="zip file of projects to write")
    add_results(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the action."""
    from resonaut.tag.trigger import run

    run.run(
        settings_argument(arguments.settings),
        named_paths(arguments.features),
        *(arguments.weights, arguments.output, arguments.table, arguments.firmware, arguments.threads),
    )
