"""Training, validation and test parts of events, from their hashes."""

from __future__ import annotations

import numpy as np

PARTS = ("train", "validation", "test")
_UPPER_EDGES = (0.6, 0.8)


def part_of(hashes: np.ndarray) -> np.ndarray:
    """Part of each event: 60 % training, 20 % validation, 20 % test.

    Args:
        hashes: (n_events,) uint64 of `resonaut.seeds.event_hash`.

    Returns:
        (n_events,) int8 index into `PARTS`.
    """
    uniform = (np.asarray(hashes, np.uint64) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.searchsorted(_UPPER_EDGES, uniform, side="right").astype(np.int8)
