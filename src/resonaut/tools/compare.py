"""`resonaut compare`: two runs side by side, as text and as one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.errors import ConfigError, ResonautError

EQUAL, DIFFERENT, CANNOT = 0, 1, 2
SHOWN = 20
"""Numbers that the terminal shows; the page has all of them."""


class CompareError(ResonautError):
    """Two runs cannot be compared."""

    exit_code = CANNOT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut compare`."""
    text = "results/<study>, a clone with one study, or an archive (.zip)"
    parser.add_argument("old", metavar="A", help=text)
    parser.add_argument("new", metavar="B", help="what A is compared with: the same")
    parser.add_argument("--output", metavar="PAGE", help="write the comparison as one HTML file")
    parser.add_argument(
        "--tolerance",
        type=float,
        help="relative tolerance of numbers that are no counts (default: of each kind, 1e-5 for fits)",
    )
    parser.epilog = "exit code: 0 equal, 1 different, 2 they cannot be compared"


def run(arguments: argparse.Namespace) -> int:
    """Compare, print a summary, and return 0 (equal), 1 (different) or 2 (cannot)."""
    from resonaut.comparing.compare import compare
    from resonaut.comparing.page import render
    from resonaut.comparing.runs import opened
    from resonaut.comparing.text import summary
    from resonaut.files import atomic

    if arguments.tolerance is not None and not 0 < arguments.tolerance < 1:
        raise ConfigError(f"--tolerance: a number between 0 and 1 is expected, got {arguments.tolerance}.")
    try:
        with opened(arguments.old) as old, opened(arguments.new) as new:
            comparison = compare(old, new, arguments.tolerance)
        if arguments.output:
            with atomic(Path(arguments.output)) as part:
                part.write_text(render(comparison), encoding="utf-8")
    except ResonautError as error:
        # Exit codes other than 2 would say that the runs were compared.
        raise CompareError(str(error)) from None
    print(summary(comparison, SHOWN))
    if arguments.output:
        print(f"{arguments.output} has all of it.")
    return EQUAL if comparison.equal else DIFFERENT
