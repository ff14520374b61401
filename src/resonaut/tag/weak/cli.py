"""Command line of `tag weak`."""

from __future__ import annotations

import argparse
from typing import Any

from resonaut.cli import add_results, add_settings, named_paths, settings_argument


def add_arguments(actions: Any, add_inputs: Any) -> None:
    """Add the action `weak`.

    Args:
        actions: subparsers of the stage.
        add_inputs: adds the options that name representations.
    """
    parser = actions.add_parser("weak", help="train a tagger on mixed samples without labels")
    add_settings(parser)
    add_inputs(parser)
    add_results(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the action."""
    from resonaut.tag.weak import run

    run.run(
        settings_argument(arguments.settings),
        named_paths(arguments.inputs),
        *(arguments.output, arguments.table, arguments.threads),
    )
