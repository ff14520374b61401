"""Logging, and progress that is a bar on a terminal and a line at intervals in a log file."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

log = logging.getLogger("resonaut")

LEAST_SECONDS, MOST_SECONDS = 2.0, 60.0
"""Between two lines of one loop: not more often, however fast it is; not more seldom, if its steps allow."""
_bars = 0


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
    """Iterate over `steps`: a bar on a terminal, otherwise a log line at each tenth of the way, or a minute.

    Nothing of it reaches a result. A loop inside another one that shows its bar shows none.

    Args:
        steps: of the work.
        what: is done, for the line.
        total: their number; `len(steps)` if absent, and no time left is told where that is not known either.
    """
    if total is None and hasattr(steps, "__len__"):
        total = len(steps)  # type: ignore[arg-type]
    if sys.stderr.isatty():
        yield from _with_bar(steps, what, total)
        return
    start = last = time.monotonic()
    every, told, number = (total or 0) / 10, 0, 0
    least = LEAST_SECONDS if total else MOST_SECONDS / 6
    for number, step in enumerate(steps, 1):
        yield step
        now = time.monotonic()
        due = number - told >= every and now - last >= least
        if (due or now - last >= MOST_SECONDS) and number != total:
            log.info("%s: %s", what, line(number, total, now - start))
            last, told = now, number
    seconds = time.monotonic() - start
    # Work that is done at once is not worth a line: some of it is done a thousand times.
    if seconds >= LEAST_SECONDS:
        log.info("%s: %s", what, line(number, total, seconds))


def line(done: int, total: int | None, seconds: float) -> str:
    """How far a loop is: `3 of 10, 12.0 s, about 28 s left`.

    Args:
        done: steps.
        total: all steps; None where nobody knows.
        seconds: since the begin.
    """
    text = f"{done}{f' of {total}' if total else ''}, {seconds:.1f} s"
    if not total or not 0 < done < total:
        return text
    return f"{text}, {left(seconds / done * (total - done))}"


def left(seconds: float) -> str:
    """Time left in words.

    >>> left(28.4), left(754), left(9000)
    ('about 28 s left', 'about 13 min left', 'about 2.5 h left')
    """
    if seconds < 100:
        return f"about {seconds:.0f} s left"
    return f"about {seconds / 60:.0f} min left" if seconds < 6000 else f"about {seconds / 3600:.1f} h left"


@contextlib.contextmanager
def one_bar() -> Iterator[bool]:
    """Whether a bar may be shown: a terminal shows one at a time."""
    global _bars
    _bars += 1
    try:
        yield _bars == 1
    finally:
        _bars -= 1


def _with_bar(steps: Iterable[T], what: str, total: int | None) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with one_bar() as free:
        if not free:
            yield from steps
            return
        with Progress(*columns, console=Console(stderr=True)) as bar:
            yield from bar.track(steps, total=total, description=what)
