"""`resonaut tag response`."""

from __future__ import annotations

import argparse
from typing import Any

from resonaut.cli import add_results, add_settings, named_paths, settings_argument


def add_arguments(actions: Any) -> None:
    """Add the action `response`."""
    response = actions.add_parser("response", help="what variations change in the scores of taggers")
    add_settings(response)
    response.add_argument(
        "--scores",
        nargs="+",
        required=True,
        metavar="TAGGER/VARIATION/DATASET=FILE",
        help="files of `tag score`, those of the variation `nominal` among them",
    )
    response.add_argument(
        "--manifests",
        nargs="+",
        default=[],
        metavar="TAGGER/VARIATION/DATASET=MANIFEST",
        help="of what was scored, where weights or matched jets are needed",
    )
    add_results(response, threads=False)


def run(arguments: argparse.Namespace) -> None:
    """Measure the response of taggers."""
    from resonaut.tag.response import run as response

    response.run(
        settings_argument(arguments.settings),
        named_paths(arguments.scores),
        named_paths(arguments.manifests),
        *(arguments.output, arguments.table),
    )
