"""Pythia 8 events as flat arrays, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from resonaut.errors import ConfigError, ResonautError

BATCH_EVENTS = 250
"""Events per batch: a batch holds the full event record, about 100 kB per event."""

PB_PER_MB = 1e9
INTERMEDIATE, OUTGOING = 22, 23
_Columns = dict[str, np.ndarray]


@dataclass
class GeneratedBatch:
    """Events as flat columns; momenta and energies in GeV, vertices in mm.

    Attributes:
        weights: (n_events,) generator weights.
        particles: px, py, pz, e, pdg_id, charge (e), x, y, z (production vertex) of the visible final
            particles.
        offsets: (n_events + 1,) first particle of each event.
        hard: px, py, pz, e, pdg_id, status of the hard process: its resonances (22, momentum of the last
            copy before the decay), and what comes out of it and of their decays (23).
        hard_offsets: (n_events + 1,).
    """

    weights: np.ndarray
    particles: _Columns
    offsets: np.ndarray
    hard: _Columns
    hard_offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def select(self, keep: np.ndarray) -> GeneratedBatch:
        """The events for which `keep`, (n_events,) bool, is true."""
        particles, offsets = _select_rows(self.particles, self.offsets, keep)
        hard, hard_offsets = _select_rows(self.hard, self.hard_offsets, keep)
        return GeneratedBatch(self.weights[keep], particles, offsets, hard, hard_offsets)


def _select_rows(columns: _Columns, offsets: np.ndarray, keep: np.ndarray) -> tuple[_Columns, np.ndarray]:
    counts = np.diff(offsets)
    rows = np.repeat(keep, counts)
    return {name: values[rows] for name, values in columns.items()}, _offsets(counts[keep])


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@dataclass(frozen=True)
class CrossSection:
    """Of everything generated so far, pb."""

    value: float
    error: float


class PythiaSource:
    """Events of Pythia 8.

    Args:
        strings: settings for `Pythia::readString`, in order.
    """

    packages = ("pythia8mc",)

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = tuple(strings)
        self._pythia = None

    def start(self, seed: int) -> None:
        """Initialise.

        Args:
            seed: 1 to 900,000,000.

        Raises:
            ConfigError: Pythia refuses a setting, or all of them together.
        """
        import pythia8mc

        pythia = pythia8mc.Pythia("", False)
        own = ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}")
        for line in (*self._strings, *own):
            if not pythia.readString(line):
                raise ConfigError(
                    f"pythia: Pythia refuses the setting '{line}'. "
                    "Look up its name and range in the Pythia 8 manual."
                )
        if not pythia.init():
            raise ConfigError(
                "pythia: Pythia cannot start with these settings (is a process on, is its phase space "
                f"open?): {'; '.join(self._strings)}"
            )
        self._pythia = pythia
        self._species = _Species(pythia.particleData)

    def batches(self, n_events: int) -> Iterator[GeneratedBatch]:
        """Generate `n_events` events; those in which Pythia fails are replaced.

        Raises:
            ResonautError: Pythia fails in event after event.
        """
        missing, failures = n_events, 0
        while missing:
            wanted = min(BATCH_EVENTS, missing)
            batch = _flatten(self._pythia.nextBatch(wanted, "skip"), self._species)
            missing -= len(batch)
            failures = 0 if len(batch) else failures + 1
            if failures == 3:
                raise ResonautError(
                    f"Pythia failed in {3 * wanted} events in a row; its settings leave no room for "
                    f"an event: {'; '.join(self._strings)}"
                )
            if len(batch):
                yield batch

    def cross_section(self) -> CrossSection:
        """Cross-section of what was generated, with its statistical error."""
        info = self._pythia.infoPython()
        return CrossSection(info.sigmaGen() * PB_PER_MB, info.sigmaErr() * PB_PER_MB)


class _Species:
    """Charge and visibility by PDG id, from Pythia's own table, which the user's settings can extend."""

    _DENSE = 10_000
    _UNKNOWN = -128

    def __init__(self, table: object) -> None:
        self._table = table
        self._known = np.full((2, 2 * self._DENSE), self._UNKNOWN, dtype=np.int8)

    def look_up(self, pdg_id: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Charges in units of e and whether the particles are visible, (n,) each."""
        dense = np.abs(pdg_id) < self._DENSE
        if not dense.all():
            distinct, place = np.unique(pdg_id, return_inverse=True)
            values = np.array([self._ask(code) for code in distinct.tolist()], dtype=np.int8).T
            return values[0][place], values[1][place].astype(bool)
        place = pdg_id + self._DENSE
        for code in np.unique(pdg_id[self._known[0, place] == self._UNKNOWN]).tolist():
            self._known[:, code + self._DENSE] = self._ask(code)
        return self._known[0, place], self._known[1, place].astype(bool)

    def _ask(self, code: int) -> tuple[int, int]:
        return self._table.chargeType(code) // 3, int(self._table.isVisible(code))


def _flatten(batch: object, species: _Species) -> GeneratedBatch:
    """Columns of the final and of the hard particles of `Pythia.nextBatch`, without copies of the rest."""
    record = batch.prt.layout
    record_offsets = np.asarray(record.offsets.data)
    content = record.content
    status = np.asarray(content["status"].data)
    pdg_id = np.asarray(content["id"].data)
    rows = np.flatnonzero(status > 0)
    charge, visible = species.look_up(pdg_id[rows])
    # A remnant exactly along the beam has no pseudorapidity and meets no detector.
    visible &= (_axis(content, "px", rows) != 0) | (_axis(content, "py", rows) != 0)
    rows = rows[visible]
    particles = _momenta(content, rows)
    particles["pdg_id"] = pdg_id[rows]
    particles["charge"] = charge[visible]
    particles.update(_vertices(content["vProd"], rows))

    hard_status = np.abs(status)
    hard_rows = np.flatnonzero((hard_status == INTERMEDIATE) | (hard_status == OUTGOING))
    hard = _momenta(content, _last_copies(content, record_offsets, hard_rows, hard_status, pdg_id))
    hard["pdg_id"] = pdg_id[hard_rows]
    hard["status"] = hard_status[hard_rows]
    return GeneratedBatch(
        weights=np.asarray(batch.info.weights[:, 0], dtype=np.float64),
        particles=particles,
        offsets=np.searchsorted(rows, record_offsets),
        hard=hard,
        hard_offsets=np.searchsorted(hard_rows, record_offsets),
    )


def _momenta(content: object, rows: np.ndarray) -> _Columns:
    return {name: _axis(content, name, rows) for name in ("px", "py", "pz", "e")}


def _axis(content: object, name: str, rows: np.ndarray) -> np.ndarray:
    return np.asarray(content["p"][name].data)[rows]


def _vertices(content: object, rows: np.ndarray) -> _Columns:
    """Production vertices; particles without one come from the interaction point, the origin."""
    index = np.asarray(content.index.data)[rows]
    have = index >= 0
    columns = {}
    for name, axis in (("x", "px"), ("y", "py"), ("z", "pz")):
        values = np.zeros(len(rows))
        values[have] = np.asarray(content.content[axis].data)[index[have]]
        columns[name] = values
    return columns


def _last_copies(
    content: object, offsets: np.ndarray, rows: np.ndarray, status: np.ndarray, pdg_id: np.ndarray
) -> np.ndarray:
    """Rows of the last copies of the resonances among `rows`; the other rows as they are.

    The first copy of a resonance stands before initial-state radiation and so has no transverse momentum of
    its own in a 2 -> 1 process; the last copy is what decays.
    """
    first = offsets[np.searchsorted(offsets, rows, side="right") - 1]
    daughters = [np.asarray(content[name].data) for name in ("daughter1", "daughter2")]
    last = rows.copy()
    moving = np.flatnonzero(status[rows] == INTERMEDIATE)
    while len(moving):
        here = last[moving]
        following = here
        for daughter in daughters:
            candidate = first[moving] + daughter[here]
            same = (daughter[here] > 0) & (pdg_id[candidate] == pdg_id[here]) & (following == here)
            following = np.where(same, candidate, following)
        last[moving] = following
        moving = moving[following != here]
    return last
