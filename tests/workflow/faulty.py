"""Runs one `resonaut` command with a fault inside its process: `python faulty.py FAULT -- COMMAND ...`.

Faults that come from outside (a full disk, a folder that cannot be written, a lost server, a signal at some
time) need no launcher.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable

DAY = 86_400


def at_rename(act: Callable[[], object]) -> None:
    """Act when the first output is whole and about to get its name; logs and checkpoints are no outputs."""
    rename = os.replace

    def replace(source, target, **options):
        words = str(source).split("/")
        kept = "logs" in words or any(word.endswith(".training") for word in words)
        if ".part" in words[-1] and not kept:
            act()
        return rename(source, target, **options)

    os.replace = replace


def send(number: int) -> Callable[[], object]:
    """Sends a signal to this process."""
    return lambda: os.kill(os.getpid(), number)


def allocate_too_much() -> None:
    """Ask for an exabyte, of torch where it is in use: each fails in its own words."""
    if "torch" in sys.modules:
        sys.modules["torch"].empty(1 << 60, dtype=sys.modules["torch"].uint8)
    import numpy as np

    np.empty(1 << 60, dtype=np.uint8)


def clock_goes_back() -> None:
    """The clock of the day is set back by a day after a few looks at it."""
    real, looks = time.time, 0

    def earlier() -> float:
        nonlocal looks
        looks += 1
        return real() - DAY * (looks > 3)

    time.time = earlier


def little_memory(megabytes: str) -> None:
    """Limit the address space of this process, as `ulimit -v` does."""
    size = int(megabytes) * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def main() -> int:
    """Install the fault, and run."""
    fault, _, argument = sys.argv[1].partition(":")
    sys.argv = ["resonaut", *sys.argv[3:]]
    if fault in ("SIGKILL", "SIGTERM"):
        at_rename(send(getattr(signal, fault)))
    elif fault == "memory":
        at_rename(allocate_too_much)
    elif fault == "ulimit":
        little_memory(argument)
    elif fault == "clock":
        clock_goes_back()
    from resonaut import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
