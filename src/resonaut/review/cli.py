"""Command line of the stage `review`: one action per stage whose figure is drawn."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument
from resonaut.review.draw import FILE, FILES, NAMED_IF_ANY, ROLES, draw


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one action per figure."""
    actions = parser.add_subparsers(dest="stage", required=True)
    for stage, roles in ROLES.items():
        action = actions.add_parser(stage, help=f"draw the figure of {stage}")
        add_settings(action)
        for role, kind in roles.items():
            if kind == FILE:
                action.add_argument(f"--{role}", type=Path, required=True, metavar="FILE")
            else:
                metavar = "MANIFEST" if kind == FILES else "NAME=MANIFEST"
                needed = kind != NAMED_IF_ANY
                action.add_argument(f"--{role}", nargs="+", required=needed, default=[], metavar=metavar)
        action.add_argument(
            "--output", nargs="+", type=Path, required=True, metavar="FILE", help="PNG and PDF files to write"
        )


def run(arguments: argparse.Namespace) -> None:
    """Draw one figure."""
    inputs = {}
    for role, kind in ROLES[arguments.stage].items():
        value = getattr(arguments, role)
        inputs[role] = value if kind in (FILE, FILES) else named_paths(value)
    draw(arguments.stage, settings_argument(arguments.settings), inputs, arguments.output)
