"""Failures of the machine (memory, disk, permissions, a signal) in one sentence, whoever raised them."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
DENIED = frozenset({errno.EACCES, errno.EROFS, errno.EPERM})

# torch, HDF5 and the dynamic loader have no class of their own for it, or hide it in another.
_MEMORY = ("can't allocate memory", "cannot allocate memory", "out of memory", "unable to allocate")
_THREADS = ("can't start new thread", "thread creation failed", "failed to map segment")


class Terminated(BaseException):
    """SIGTERM came. Not an `Exception`, so that nothing but the command line swallows it."""


@dataclass(frozen=True)
class Failure:
    """One sentence and the exit code of the command."""

    message: str
    exit_code: int


def out_of_memory(error: BaseException) -> bool:
    """Whether `error`, or what caused it, says that memory (or address space for a thread) has run out."""
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen).lower()
        if isinstance(seen, MemoryError) or getattr(seen, "errno", None) == errno.ENOMEM:
            return True
        known = isinstance(seen, RuntimeError | OSError | ImportError)
        if known and any(words in text for words in (*_MEMORY, *_THREADS)):
            return True
        seen = seen.__cause__
    return False


def no_room(error: BaseException) -> bool:
    """Whether `error` says that a disk, a quota or the largest size of a file is full."""
    text = str(error)
    return getattr(error, "errno", None) in NO_ROOM or any(os.strerror(code) in text for code in NO_ROOM)


def explain(error: BaseException) -> Failure | None:
    """The failure behind an error that is not one of ours; None for what may be a mistake in the code."""
    if isinstance(error, Terminated):
        return Failure("ended by SIGTERM; nothing is half-written: start it again.", 128 + signal.SIGTERM)
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", 130)
    if isinstance(error, BrokenPipeError):
        return Failure("what reads the output has ended", 128 + signal.SIGPIPE)
    if out_of_memory(error):
        words = " ".join(str(error).split())[:160]
        found = f" ({words})" if words else ""
        return Failure(
            f"out of memory{found}; lower the chunk or batch size of the stage, or give the job more memory.",
            9,
        )
    if not isinstance(error, OSError):
        return None
    name = error.filename or "a file"
    if no_room(error):
        return Failure(f"{name}: no space left on the device: free some, and start it again.", 7)
    if error.errno in DENIED:
        return Failure(f"{name}: {os.strerror(error.errno)}: see that this user may read and write it.", 7)
    return None


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """While the block runs SIGTERM raises `Terminated`: temporary files are removed on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        # A second one, in the middle of cleaning up, would leave what the first was about to remove.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
