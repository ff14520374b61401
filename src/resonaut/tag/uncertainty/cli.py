"""Command line of `tag uncertainty`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from resonaut.cli import add_results, add_settings, named_paths, settings_argument


def add_arguments(actions: Any, add_inputs: Any) -> None:
    """Add the action `uncertainty`.

    Args:
        actions: subparsers of the stage.
        add_inputs: adds the options that name representations.
    """
    parser = actions.add_parser("uncertainty", help="measure how sure a tagger is, and how right about that")
    add_settings(parser)
    add_inputs(parser)
    parser.add_argument("--weights", type=Path, required=True, help="safetensors of `tag train`")
    parser.add_argument(
        "--ood",
        nargs="+",
        default=[],
        metavar="NAME/DATASET=MANIFEST",
        help="rows unlike those of the training: a dataset, or a variation of each dataset",
    )
    add_results(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the action."""
    from resonaut.tag.uncertainty import run

    run.run(
        settings_argument(arguments.settings),
        named_paths(arguments.inputs),
        *(arguments.weights, arguments.output, arguments.table, arguments.threads),
        named_paths(arguments.ood),
    )
