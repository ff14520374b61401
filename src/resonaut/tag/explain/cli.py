"""Command line of `tag explain`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resonaut.cli import add_results, add_settings, named_paths, settings_argument


def add_arguments(actions: Any, add_inputs: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add the action `explain`.

    Args:
        actions: subparsers of `tag`.
        add_inputs: adds the options of the representations.
    """
    parser = actions.add_parser("explain", help="say what a trained tagger looks at")
    add_settings(parser)
    parser.add_argument("--weights", type=Path, required=True, help="safetensors of `tag train`")
    add_inputs(parser)
    parser.add_argument(
        "--observables", nargs="+", default=[], metavar="NAME=MANIFEST", help="features with the observables"
    )
    add_results(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run it."""
    from resonaut.tag.explain import run

    run.run(
        settings_argument(arguments.settings),
        arguments.weights,
        named_paths(arguments.inputs),
        named_paths(arguments.observables),
        arguments.output,
        arguments.table,
        arguments.threads,
    )
