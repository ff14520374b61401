"""The event record of Pythia as flat columns: rows of particles, what they come from, what they decay to."""

from __future__ import annotations

import numpy as np

INTERMEDIATE, OUTGOING = 22, 23
"""Status of resonances of the hard process, and of what comes out of it and of their decays."""

Columns = dict[str, np.ndarray]


class Record:
    """All particles of the events of `Pythia.nextBatch`.

    Particles are named by their row in the batch. Mothers and daughters count from the start of an event.

    Args:
        batch: as `nextBatch` returns it.

    Attributes:
        offsets: (n_events + 1,) first row of each event.
        pdg_id, status: (n_rows,).
    """

    def __init__(self, batch: object) -> None:
        layout = batch.prt.layout
        self._content = layout.content
        self.offsets = np.asarray(layout.offsets.data)
        self.pdg_id = self.column("id")
        self.status = self.column("status")

    def column(self, name: str) -> np.ndarray:
        """(n_rows,) without a copy."""
        return np.asarray(self._content[name].data)

    def axis(self, name: str, rows: np.ndarray) -> np.ndarray:
        """px, py, pz or e of some rows, GeV."""
        return np.asarray(self._content["p"][name].data)[rows]

    def momenta(self, rows: np.ndarray) -> Columns:
        """px, py, pz, e of some rows, GeV."""
        return {name: self.axis(name, rows) for name in ("px", "py", "pz", "e")}

    def vertices(self, rows: np.ndarray) -> Columns:
        """Production vertices x, y, z, mm; the origin, the interaction point, for particles without one."""
        vertex = self._content["vProd"]
        index = np.asarray(vertex.index.data)[rows]
        have = index >= 0
        columns = {}
        for name, axis in (("x", "px"), ("y", "py"), ("z", "pz")):
            values = np.zeros(len(rows))
            values[have] = np.asarray(vertex.content[axis].data)[index[have]]
            columns[name] = values
        return columns

    def event_offsets(self, rows: np.ndarray) -> np.ndarray:
        """(n_events + 1,) where each event starts among rising `rows`."""
        return np.searchsorted(rows, self.offsets)

    def last_copies(self, rows: np.ndarray) -> np.ndarray:
        """Rows of the last copies of the resonances among `rows`; the other rows as they are.

        The first copy of a resonance stands before initial-state radiation and so has no transverse momentum
        of its own in a 2 -> 1 process; the last copy is what decays.
        """
        first = self._first(rows)
        daughters = [self.column(name) for name in ("daughter1", "daughter2")]
        last = rows.copy()
        moving = np.flatnonzero(np.abs(self.status[rows]) == INTERMEDIATE)
        while len(moving):
            here = last[moving]
            following = here
            for daughter in daughters:
                candidate = first[moving] + daughter[here]
                same = (daughter[here] > 0) & (self.pdg_id[candidate] == self.pdg_id[here])
                following = np.where(same & (following == here), candidate, following)
            last[moving] = following
            moving = moving[following != here]
        return last

    def ancestors(self, rows: np.ndarray, among: np.ndarray) -> np.ndarray:
        """(n,) the nearest of the rows `among` that `rows` come from by first mothers; -1 without one."""
        first = self._first(rows)
        mother = self.column("mother1")
        wanted = np.zeros(len(mother), bool)
        wanted[among] = True
        found = np.full(len(rows), -1)
        here = rows.copy()
        moving = np.arange(len(rows))
        while len(moving):
            up = mother[here[moving]]
            moving, up = moving[up > 0], up[up > 0]
            here[moving] = first[moving] + up
            arrived = wanted[here[moving]]
            found[moving[arrived]] = here[moving[arrived]]
            moving = moving[~arrived]
        return found

    def mothers(self, rows: np.ndarray) -> np.ndarray:
        """(n,) rows of the first mothers; of a particle without one, the row of its event as a whole."""
        return self._first(rows) + self.column("mother1")[rows]

    def _first(self, rows: np.ndarray) -> np.ndarray:
        """(n,) first row of the event of each of `rows`."""
        return self.offsets[np.searchsorted(self.offsets, rows, side="right") - 1]
