"""Memory of tensors is kept for the next tensors, instead of being given back to the system each time."""

from __future__ import annotations

import ctypes
import functools

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_ALL = 2**31 - 1


@functools.cache
def keep_memory() -> bool:
    """Let the C library keep freed memory of this process, from now on; whether it can.

    A step of a training frees hundreds of megabytes and asks for them again. By default each large tensor is
    a mapping of its own, whose pages the system clears at the first touch: a tenth to a third of the time of
    a step on a CPU. GNU's C library can keep them (mallopt(3)); others are left alone.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, _ALL))


def give_memory_back() -> bool:
    """Give freed memory of this process back to the system, now; whether it can.

    Large arrays of changing sizes leave holes that the C library keeps (malloc_trim(3)): without this the
    memory of a loop over blocks of them grows for hundreds of blocks. It takes about a millisecond.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return False
    return bool(trim(0))
