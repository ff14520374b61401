"""The order of jets and constituents in the store: by falling pt in their event, or in their jet."""

from __future__ import annotations

import numpy as np

from resonaut import ragged
from resonaut.ingest.batch import Ragged

_LARGEST = np.iinfo(np.int32).max


def falling_pt(rows: np.ndarray, pt: np.ndarray) -> np.ndarray:
    """Order of values: row after row, by falling pt inside each; equal pt keep their order.

    Args:
        rows: (n,) row of each value, from 0, in any order.
        pt: (n,) GeV, compared in single precision, which is what the store holds.

    Returns:
        (n,) positions. Values that are no pt (negative, NaN) stand anywhere in their row.
    """
    # Positive floats are ordered as their bits are. One integer key, mostly in order already, is sorted many
    # times faster than two keys.
    with np.errstate(over="ignore"):
        bits = np.asarray(pt).astype(np.float32).view(np.int32).astype(np.int64)
    return np.argsort((np.asarray(rows, np.int64) << 32) | (_LARGEST - bits), kind="stable")


def by_pt(jets: Ragged, constituents: Ragged | None) -> tuple[Ragged, Ragged | None]:
    """Sort jets inside their events, and constituents inside their jets, by falling pt."""
    order = falling_pt(ragged.row_of(jets.offsets), jets.columns["pt"])
    jets = Ragged(_take(jets, order), jets.offsets)
    if constituents is None:
        return jets, None
    constituents = constituents.take(order)
    order = falling_pt(ragged.row_of(constituents.offsets), constituents.columns["pt"])
    return jets, Ragged(_take(constituents, order), constituents.offsets)


def _take(values: Ragged, order: np.ndarray) -> dict[str, np.ndarray]:
    return {name: column[order] for name, column in values.columns.items()}
