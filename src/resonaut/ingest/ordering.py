"""The order of jets in the store: by falling pt in their event, with or without constituents."""

from __future__ import annotations

import numpy as np

from resonaut import ragged
from resonaut.ingest.batch import Ragged


def by_pt(jets: Ragged, constituents: Ragged | None) -> tuple[Ragged, Ragged | None]:
    """Sort jets inside their events, and constituents inside their jets, by falling pt."""
    if constituents is not None:
        from resonaut.ingest.cluster import sorted_by_pt

        return sorted_by_pt(jets, constituents)
    order = np.lexsort((-jets.columns["pt"], ragged.row_of(jets.offsets)))
    return Ragged({name: values[order] for name, values in jets.columns.items()}, jets.offsets), None
