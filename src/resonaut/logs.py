"""Logging, and progress that is a bar on a terminal and one line per step in a log file."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

log = logging.getLogger("resonaut")


def set_up(verbose: bool = False) -> None:
    """Send log lines of this package to standard error."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
    )
    log.setLevel(logging.DEBUG if verbose else logging.INFO)


def progress(steps: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `steps`: a rich bar on a terminal, otherwise a log line at each tenth of the way."""
    if total is None and hasattr(steps, "__len__"):
        total = len(steps)  # type: ignore[arg-type]
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track

        yield from track(steps, what, total=total, console=Console(stderr=True))
        return
    start = time.monotonic()
    every = max(1, (total or 10) // 10)
    for number, step in enumerate(steps, 1):
        yield step
        if number % every == 0 or number == total:
            log.info(
                "%s: %d%s, %.1f s", what, number, f" of {total}" if total else "", time.monotonic() - start
            )
