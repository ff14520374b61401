"""From rows of fixed length, filled up with zeros, to ragged columns and jets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError
from resonaut.events import Columns
from resonaut.ingest.batch import Batch, Ragged
from resonaut.ingest.ordering import by_pt
from resonaut.kinematics import cartesian, from_cartesian


def numbered(rows: np.ndarray) -> Columns:
    """Columns of events that the file does not number: run 1, lumi 0, the row as the event, weight 1."""
    return {
        "run": np.ones(len(rows), np.int64),
        "lumi": np.zeros(len(rows), np.int64),
        "event": np.asarray(rows, np.int64),
        "gen_weight": np.ones(len(rows), np.float64),
    }


def labels(values: np.ndarray, n_classes: int, what: str, first_entry: int) -> np.ndarray:
    """(n_events,) int32 class indices, from numbers as the file has them.

    Raises:
        BadValueError: a number is none of 0 ... `n_classes` - 1.
    """
    good = np.isin(values, np.arange(n_classes))
    if not good.all():
        first = int(np.argmin(good))
        raise BadValueError(
            f"{what} is {values[first]} in entry {first_entry + first}; one of "
            f"{', '.join(map(str, range(n_classes)))} is expected. Is the file damaged, or another format?"
        )
    return values.astype(np.int32)


def unpad(columns: Mapping[str, np.ndarray], filled: np.ndarray) -> Ragged:
    """Drop the filler.

    Args:
        columns: (n_rows, n_slots) values.
        filled: (n_rows, n_slots) mask of the slots that hold a particle.
    """
    flat = {name: values[filled] for name, values in columns.items()}
    return Ragged(flat, ragged.offsets_of(np.count_nonzero(filled, axis=1)))


def momenta(px: np.ndarray, py: np.ndarray, pz: np.ndarray, energy: np.ndarray) -> Columns:
    """pt, eta, phi, mass (float64; GeV, radian) of momenta; as `kinematics.from_cartesian`, but total.

    A negative energy has no mass (NaN), a momentum along the beam no finite eta: such values are for the
    caller to reject. A space-like momentum, which rounding makes of a light particle, has mass 0.
    """
    px, py, pz, energy = (np.asarray(values, np.float64) for values in (px, py, pz, energy))
    with np.errstate(divide="ignore", invalid="ignore"):
        pt, eta, phi, mass = from_cartesian(px, py, pz, energy)
    return {"pt": pt, "eta": eta, "phi": phi, "mass": np.where(energy < 0, np.nan, mass)}


def one_jet_each(events: Columns, first_entry: int, constituents: Ragged) -> Batch:
    """Events of one jet: the sum of the event's particles (E scheme), which are sorted by falling pt.

    An event without particles has no jet.

    Args:
        events: columns of the events.
        first_entry: entry of the first event.
        constituents: particles of each event: pt, eta, phi, mass (GeV, radian) and more columns.
    """
    parts = cartesian(*(constituents.columns[name] for name in ("pt", "eta", "phi", "mass")))
    present = np.diff(constituents.offsets) > 0
    px, py, pz, energy = (ragged.sums(values, constituents.offsets)[present] for values in parts)
    jets = Ragged(momenta(px, py, pz, energy), ragged.offsets_of(present))
    jets, constituents = by_pt(jets, constituents.take(np.flatnonzero(present)))
    return Batch(events, first_entry, jets=jets, constituents=constituents)
