"""Branches of a tree as flat arrays, a bounded number of events at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from resonaut.errors import CorruptFileError
from resonaut.ingest.rootfile import reading


def arrays_by_step(tree: Any, path: str, names: Collection[str], step: int) -> Iterator[dict[str, Any]]:
    """Read branches, at most `step` events at a time; no other branch is read.

    Args:
        tree: TTree or RNTuple of uproot.
        path: of the file, for messages.
        names: of the branches, without those that they are parts of.
        step: events.

    Yields:
        Awkward arrays by name.

    Raises:
        CorruptFileError: they cannot be read.
    """
    wanted = frozenset(names)
    with reading(path):
        # Baskets that end in the middle of a step are decompressed once: uproot keeps them for the next.
        parts = tree.iterate(filter_name=wanted.__contains__, step_size=step, how=dict, library="ak")
    while True:
        with reading(path):
            arrays = next(parts, None)
            if arrays is not None and (missing := wanted - set(arrays)):
                raise CorruptFileError(f"{path}: the branch '{min(missing)}' cannot be read.")
        if arrays is None:
            return
        yield arrays


def aligned(array: Any) -> Any:
    """The array with offsets that start at 0: its content and offsets can be taken apart."""
    import awkward as ak

    layout = array.layout
    if isinstance(layout, ak.contents.NumpyArray):
        return array
    return ak.Array(layout.to_ListOffsetArray64(True))


def flat(array: Any) -> tuple[np.ndarray, np.ndarray]:
    """(n_values,) values of a jagged array, and its (n_events + 1,) offsets."""
    layout = aligned(array).layout
    return np.asarray(layout.content.data), np.asarray(layout.offsets)
