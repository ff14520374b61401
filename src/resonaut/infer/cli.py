"""`resonaut infer`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions test and compare."""
    actions = parser.add_subparsers(dest="action", required=True)
    test = actions.add_parser("test", help="p-values, limits and workspaces of one search")
    add_settings(test)
    test.add_argument(
        "--spectra", required=True, type=Path, metavar="HDF5", help="spectra of `resonaut hunt`"
    )
    test.add_argument(
        "--significance", required=True, type=Path, metavar="JSON", help="p-values and limits of all windows"
    )
    test.add_argument(
        "--workspaces", required=True, type=Path, metavar="FOLDER", help="folder of the pyhf workspaces"
    )
    compare = actions.add_parser("compare", help="compare all searches of a study")
    compare.add_argument(
        "--evaluations",
        nargs="+",
        required=True,
        metavar="MIXTURE/METHOD=JSON",
        help="evaluations of `hunt evaluate`",
    )
    compare.add_argument(
        "--significances",
        nargs="+",
        required=True,
        metavar="MIXTURE/METHOD=JSON",
        help="significances of `infer test`, of the same searches",
    )
    compare.add_argument("--output", required=True, type=Path, metavar="JSON", help="the comparison")
    compare.add_argument("--table", required=True, type=Path, metavar="MARKDOWN", help="the same as tables")


def run(arguments: argparse.Namespace) -> None:
    """Run one action."""
    {"test": _test, "compare": _compare}[arguments.action](arguments)


def _test(arguments: argparse.Namespace) -> None:
    from resonaut.infer.significance import infer

    infer(
        settings_argument(arguments.settings), arguments.spectra, arguments.significance, arguments.workspaces
    )


def _compare(arguments: argparse.Namespace) -> None:
    from resonaut.infer.compare import run as compare

    compare(
        named_paths(arguments.evaluations),
        named_paths(arguments.significances),
        arguments.output,
        arguments.table,
    )
