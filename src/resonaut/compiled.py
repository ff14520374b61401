"""How loops over jets and particles are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

FINITE = frozenset({"nnan", "ninf", "nsz"})
"""Values are finite throughout."""
SUMS = FINITE | {"reassoc", "contract"}
"""Sums may be taken in the order that suits the processor."""


def kernel(fastmath: frozenset[str] = FINITE) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function, and keep the machine code where a folder for it can be written.

    The kept code of a function is renewed when its own file changes, not when a function changes that it
    calls from another file. So a kernel calls kernels of its own file only.

    Args:
        fastmath: freedoms of floating-point arithmetic, by their names in LLVM.
    """

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        options = {"error_model": "numpy", "fastmath": set(fastmath)}
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:
            # An installation that is read-only, and no home to write to.
            return numba.njit(**options)(function)

    return compiled
