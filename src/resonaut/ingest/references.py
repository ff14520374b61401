"""Resolve ROOT references (TRef): which object of which branch a number stands for."""

from __future__ import annotations

import numpy as np

from resonaut import ragged

ID_MASK = 0xFFFFFF
"""The low 24 bits of `fUniqueID` number the object; the high 8 bits number the process (ROOT, TProcessID)."""


def resolve(
    references: np.ndarray, event_of_reference: np.ndarray, unique_ids: np.ndarray, id_offsets: np.ndarray
) -> np.ndarray:
    """Find the objects that references point to, event by event.

    Args:
        references: (n_references,) numbers of a TRefArray.
        event_of_reference: (n_references,) event of each.
        unique_ids: (n_objects,) `fUniqueID` of the objects, event by event.
        id_offsets: (n_events + 1,) first object of each event.

    Returns:
        (n_references,) index into `unique_ids`; -1 where the event holds no such object.
    """
    keys = (ragged.row_of(id_offsets) << 24) | (unique_ids.astype(np.int64) & ID_MASK)
    wanted = (event_of_reference.astype(np.int64) << 24) | (references.astype(np.int64) & ID_MASK)
    if not len(keys):
        return np.full(len(wanted), -1)
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    found = order[place]
    return np.where(keys[found] == wanted, found, -1)
