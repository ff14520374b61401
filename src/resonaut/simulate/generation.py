"""Pythia 8 events as flat arrays, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import ConfigError, ResonautError
from resonaut.simulate import truth
from resonaut.simulate.record import INTERMEDIATE, OUTGOING, Columns, Record

BATCH_EVENTS = 250
"""Events per batch: a batch holds the full event record, about 100 kB per event."""

PB_PER_MB = 1e9
Group = tuple[Columns, np.ndarray]
"""Columns and the (n_events + 1,) offsets of the events in them."""


@dataclass
class GeneratedBatch:
    """Events as flat columns; momenta and energies in GeV, vertices in mm.

    Attributes:
        weights: (n_events,) generator weights.
        shower_weights: by name (n_events,) factors of `weights` for a varied parton shower.
        particles: px, py, pz, e, pdg_id, charge (e), x, y, z (production vertex) of the visible final
            particles.
        offsets: (n_events + 1,) first particle of each event.
        hard: px, py, pz, e, pdg_id, status of the hard process: its resonances (22, momentum of the last
            copy before the decay), and what comes out of it and of their decays (23).
        heavy_hadrons: see `truth.heavy_hadrons`.
        decays: see `truth.decays`; None where no resonances are asked for.
    """

    weights: np.ndarray
    particles: Columns
    offsets: np.ndarray
    hard: Group
    heavy_hadrons: Group
    decays: Group | None = None
    shower_weights: Columns = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def select(self, keep: np.ndarray) -> GeneratedBatch:
        """The events for which `keep`, (n_events,) bool, is true."""
        return GeneratedBatch(
            self.weights[keep],
            *select_events((self.particles, self.offsets), keep),
            select_events(self.hard, keep),
            select_events(self.heavy_hadrons, keep),
            None if self.decays is None else select_events(self.decays, keep),
            {name: values[keep] for name, values in self.shower_weights.items()},
        )


def select_events(group: Group, keep: np.ndarray) -> Group:
    """The events for which `keep`, (n_events,) bool, is true."""
    columns, offsets = group
    counts = np.diff(offsets)
    rows = np.repeat(keep, counts)
    return {name: values[rows] for name, values in columns.items()}, ragged.offsets_of(counts[keep])


@dataclass(frozen=True)
class CrossSection:
    """Of everything generated so far, pb."""

    value: float
    error: float


class PythiaSource:
    """Events of Pythia 8.

    Args:
        strings: settings for `Pythia::readString`, in order.
        resonances: PDG ids, without sign, of the resonances whose decays are kept.
        shower_weights: names of the variations in `UncertaintyBands:List`.
    """

    packages = ("pythia8mc",)

    def __init__(
        self, strings: Sequence[str], resonances: Sequence[int] = (), shower_weights: Sequence[str] = ()
    ) -> None:
        self._strings = tuple(strings)
        self.resonances = tuple(resonances)
        self.shower_weights = tuple(shower_weights)
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
            record = self._pythia.nextBatch(wanted, "skip")
            batch = _flatten(record, self._species, self.resonances)
            batch.shower_weights.update(self._shower_weights(record))
            missing -= len(batch)
            failures = 0 if len(batch) else failures + 1
            if failures == 3:
                raise ResonautError(
                    f"Pythia failed in {3 * wanted} events in a row; its settings leave no room for "
                    f"an event: {'; '.join(self._strings)}"
                )
            if len(batch):
                yield batch

    def _shower_weights(self, record: Any) -> Columns:
        """The weights of `UncertaintyBands` of each event, without the weight of the event itself."""
        if not self.shower_weights:
            return {}
        info = self._pythia.infoPython()
        place = {info.weightNameByIndex(number): number for number in range(info.numberOfWeights())}
        weights = np.asarray(record.info.weights, dtype=np.float64)
        nominal = np.where(weights[:, 0] == 0, 1.0, weights[:, 0])
        return {name: weights[:, place[name]] / nominal for name in self.shower_weights}

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


def _flatten(batch: object, species: _Species, resonances: Sequence[int] = ()) -> GeneratedBatch:
    """Columns of the particles of `Pythia.nextBatch` that are kept, without copies of the rest."""
    record = Record(batch)
    rows = np.flatnonzero(record.status > 0)
    charge, visible = species.look_up(record.pdg_id[rows])
    # A remnant exactly along the beam has no pseudorapidity and meets no detector.
    visible &= (record.axis("px", rows) != 0) | (record.axis("py", rows) != 0)
    rows = rows[visible]
    particles = record.momenta(rows)
    particles["pdg_id"] = record.pdg_id[rows]
    particles["charge"] = charge[visible]
    particles.update(record.vertices(rows))
    return GeneratedBatch(
        weights=np.asarray(batch.info.weights[:, 0], dtype=np.float64),
        particles=particles,
        offsets=record.event_offsets(rows),
        hard=_hard_process(record),
        heavy_hadrons=truth.heavy_hadrons(record),
        decays=truth.decays(record, resonances) if resonances else None,
    )


def _hard_process(record: Record) -> Group:
    status = np.abs(record.status)
    rows = np.flatnonzero((status == INTERMEDIATE) | (status == OUTGOING))
    columns = record.momenta(record.last_copies(rows))
    columns["pdg_id"] = record.pdg_id[rows]
    columns["status"] = status[rows]
    return columns, record.event_offsets(rows)
