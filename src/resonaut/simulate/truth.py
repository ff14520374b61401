"""Truth of a batch of events: resonances with the products of their decays, and heavy hadrons."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from resonaut.simulate.record import INTERMEDIATE, OUTGOING, Columns, Record

HEAVY_HADRON_PT_MIN = 5.0
"""Heavy hadrons below are not stored, GeV: they name no jet."""


def decays(record: Record, resonances: Sequence[int]) -> tuple[Columns, np.ndarray]:
    """Resonances before their decay, and what they decay to in the end: t -> b W -> b q q'.

    Args:
        record: a batch of events.
        resonances: PDG ids without sign.

    Returns:
        Columns px, py, pz, e (GeV), pdg_id and parent: the resonance's place inside its event, -1 for a
        resonance itself; and the (n_events + 1,) offsets. Resonances have the momentum of their last copy,
        products that before their own radiation.
    """
    status = np.abs(record.status)
    own = np.flatnonzero((status == INTERMEDIATE) & np.isin(np.abs(record.pdg_id), resonances))
    own = np.unique(record.last_copies(own))
    products = np.flatnonzero(status == OUTGOING)
    parent = record.ancestors(products, own)
    products, parent = products[parent >= 0], parent[parent >= 0]

    rows = np.concatenate([own, products])
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    offsets = record.event_offsets(rows)
    row_of_parent = np.concatenate([np.full(len(own), -1), parent])[order]
    place = np.searchsorted(rows, row_of_parent) - np.repeat(offsets[:-1], np.diff(offsets))
    columns = record.momenta(rows)
    columns["pdg_id"] = record.pdg_id[rows]
    columns["parent"] = np.where(row_of_parent < 0, -1, place)
    return columns, offsets


def heavy_hadrons(record: Record) -> tuple[Columns, np.ndarray]:
    """b and c hadrons with pt > `HEAVY_HADRON_PT_MIN` that decay to no hadron of the same quark.

    Returns:
        Columns px, py, pz, e (GeV) and pdg_id, and the (n_events + 1,) offsets.
    """
    quark_of_code = _heavy_quarks()
    quark = quark_of_code[np.minimum(np.abs(record.pdg_id), len(quark_of_code) - 1)]
    rows = np.flatnonzero(quark)
    mother = record.mothers(rows)
    decays_on = np.zeros(len(quark), bool)
    decays_on[mother[quark[mother] == quark[rows]]] = True
    rows = rows[~decays_on[rows]]
    rows = rows[np.hypot(record.axis("px", rows), record.axis("py", rows)) > HEAVY_HADRON_PT_MIN]
    columns = record.momenta(rows)
    columns["pdg_id"] = record.pdg_id[rows]
    return columns, record.event_offsets(rows)


@cache
def _heavy_quarks() -> np.ndarray:
    """(10001,) by PDG id without sign: 5 and 4 for hadrons with open b or else c, 0 for all else.

    Hadrons with larger codes are excited states, which decay to these.
    """
    code = np.arange(10_001)
    thousands, hundreds, tens = (code // unit % 10 for unit in (1000, 100, 10))
    hadron = (code >= 100) & (tens > 0) & (code < 10_000)
    quarkonium = (thousands == 0) & (hundreds == tens)
    heaviest = np.where(hadron & ~quarkonium, np.maximum(thousands, hundreds), 0)
    return np.where(np.isin(heaviest, (4, 5)), heaviest, 0).astype(np.int8)
