"""Command line of the stage `review`: an action per stage whose figure is drawn, the checks, the page."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument
from resonaut.provenance import write_run_record
from resonaut.review.draw import FILE, FILES, NAMED_IF_ANY, ROLES, draw

CHECKED = {
    "significances": "of `infer test`",
    "hunts": "summaries of `hunt`",
    "evaluations": "of `hunt evaluate`",
    "validations": "of `infer validate`",
}
"""Files that checks are made from; of the last two there may be none."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one action per figure, and that of the checks."""
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
    checks = actions.add_parser("checks", help="check every search, for a page that a reviewer opens first")
    add_settings(checks)
    for name, text in CHECKED.items():
        needed = name in ("significances", "hunts")
        checks.add_argument(
            f"--{name}", nargs="+", required=needed, default=[], metavar="MIXTURE/METHOD=JSON", help=text
        )
    checks.add_argument("--output", required=True, type=Path, metavar="JSON", help="the checks")
    checks.add_argument("--page", required=True, type=Path, metavar="HTML", help="the same to read")
    _add_page(actions.add_parser("page", help="write the page that a reviewer reads, one HTML file"))


def _add_page(page: argparse.ArgumentParser) -> None:
    add_settings(page)
    page.add_argument("--folder", required=True, type=Path, help="results/<study>")
    page.add_argument("--figures", nargs="+", default=[], metavar="NAME", help="such as infer/data/cwola")
    page.add_argument(
        "--results", nargs="+", default=[], metavar="JSON", help="results to quote, relative to the folder"
    )
    page.add_argument("--output", required=True, type=Path, metavar="HTML", help="the page")


def run(arguments: argparse.Namespace) -> None:
    """Draw one figure, or check."""
    if arguments.stage == "checks":
        _check(arguments)
        return
    if arguments.stage == "page":
        _page(arguments)
        return
    inputs = {}
    for role, kind in ROLES[arguments.stage].items():
        value = getattr(arguments, role)
        inputs[role] = value if kind in (FILE, FILES) else named_paths(value)
    draw(arguments.stage, settings_argument(arguments.settings), inputs, arguments.output)
    # As one can paste it into a shell: the page shows it.
    write_run_record(arguments.output[0], command=shlex.join(["resonaut", *sys.argv[1:]]))


def _page(arguments: argparse.Namespace) -> None:
    from resonaut.review.page.build import run as build

    settings = settings_argument(arguments.settings)
    build(settings, arguments.folder, arguments.figures, arguments.results, arguments.output)


def _check(arguments: argparse.Namespace) -> None:
    from resonaut.review.checks import run as check

    paths = {name: named_paths(getattr(arguments, name)) for name in CHECKED}
    check(settings_argument(arguments.settings), paths, arguments.output, arguments.page)
