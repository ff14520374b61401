"""A slice of events in memory, as the event store holds them: columns, flat, with offsets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError

Columns = dict[str, np.ndarray]
PDG_CLASSES = ("unknown", "charged_hadron", "neutral_hadron", "photon", "electron", "muon")
"""Meaning of `constituents/pdg_class`."""
UNMEASURED = ("d0", "dz")
"""Columns of constituents that are NaN where there is no track: 0 would be a measurement."""


def _no_offsets() -> np.ndarray:
    return np.zeros(1, np.int64)


def _take(columns: Columns, rows: np.ndarray) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


@dataclass
class Events:
    """A slice of a store. Offsets start at 0 for the slice.

    Attributes:
        events: columns of shape (n_events,).
        jets: columns of shape (n_jets,).
        event_offsets: (n_events + 1,) first jet of each event.
        constituents: columns of shape (n_constituents,); empty where the source has none.
        jet_offsets: (n_jets + 1,) first constituent of each jet.
        gen_jets: columns of shape (n_gen_jets,); empty where the source has none.
        gen_jet_offsets: (n_events + 1,).
        features: (n_events,) columns of a table; empty where events are not rows of features.
        hits: cells of calorimeter showers, (n_hits,): cell, energy, time (ns) where it is known; empty where
            events are not showers.
        hit_offsets: (n_events + 1,) first hit of each shower.
        images: (n_events, n_channels, rows, columns) `pixels` of pictures; empty where events are none.
    """

    events: Columns
    jets: Columns
    event_offsets: np.ndarray
    constituents: Columns = field(default_factory=dict)
    jet_offsets: np.ndarray = field(default_factory=_no_offsets)
    gen_jets: Columns = field(default_factory=dict)
    gen_jet_offsets: np.ndarray = field(default_factory=_no_offsets)
    features: Columns = field(default_factory=dict)
    hits: Columns = field(default_factory=dict)
    hit_offsets: np.ndarray = field(default_factory=_no_offsets)
    images: Columns = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.event_offsets) - 1

    def select(self, mask: np.ndarray) -> Events:
        """The events where the (n_events,) `mask` is true, with their jets and constituents."""
        rows = np.flatnonzero(mask)
        jet_rows, event_offsets = ragged.take(self.event_offsets, rows)
        chosen = Events(
            _take(self.events, rows),
            _take(self.jets, jet_rows),
            event_offsets,
            features=_take(self.features, rows),
            images=_take(self.images, rows),
        )
        if self.constituents:
            constituent_rows, chosen.jet_offsets = ragged.take(self.jet_offsets, jet_rows)
            chosen.constituents = _take(self.constituents, constituent_rows)
        if self.gen_jets:
            gen_rows, chosen.gen_jet_offsets = ragged.take(self.gen_jet_offsets, rows)
            chosen.gen_jets = _take(self.gen_jets, gen_rows)
        if self.hits:
            hit_rows, chosen.hit_offsets = ragged.take(self.hit_offsets, rows)
            chosen.hits = _take(self.hits, hit_rows)
        return chosen

    def keep_jets(self, mask: np.ndarray) -> Events:
        """All events, with only the jets where the (n_jets,) `mask` is true, and their constituents."""
        rows = np.flatnonzero(mask)
        kept = Events(
            self.events,
            _take(self.jets, rows),
            ragged.keep(self.event_offsets, mask),
            gen_jets=self.gen_jets,
            gen_jet_offsets=self.gen_jet_offsets,
            features=self.features,
            hits=self.hits,
            hit_offsets=self.hit_offsets,
            images=self.images,
        )
        if self.constituents:
            constituent_rows, kept.jet_offsets = ragged.take(self.jet_offsets, rows)
            kept.constituents = _take(self.constituents, constituent_rows)
        return kept

    def check(self, source: str) -> None:
        """Check values and offsets.

        Raises:
            BadValueError: a value is not finite, or offsets do not fit the columns.
        """
        groups = {
            "events": self.events,
            "jets": self.jets,
            "constituents": self.constituents,
            "gen_jets": self.gen_jets,
            "features": self.features,
            "hits": self.hits,
            "images": self.images,
        }
        for group, columns in groups.items():
            for name, values in columns.items():
                if name not in UNMEASURED and values.dtype.kind == "f" and not np.isfinite(values).all():
                    place = tuple(np.argwhere(~np.isfinite(values))[0])
                    raise BadValueError(
                        f"{source}: {group}/{name} is {values[place]} in row {place[0]}; finite values are "
                        "expected. Remove such events before ingestion."
                    )
        for offsets, group in (
            (self.event_offsets, "jets"),
            (self.jet_offsets, "constituents"),
            (self.gen_jet_offsets, "gen_jets"),
            (self.hit_offsets, "hits"),
        ):
            for name, values in groups[group].items():
                if len(values) != offsets[-1]:
                    raise BadValueError(
                        f"{source}: {group}/{name} has {len(values)} rows, its offsets end at {offsets[-1]}."
                    )
