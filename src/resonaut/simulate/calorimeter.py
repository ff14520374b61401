"""A calorimeter of cells: smeared energies, thresholds, and energy flow against the tracks in each cell.

The algorithm is that of the energy flow of Delphes 3, arXiv:1307.6346 sections 2.3 and 2.4, with the later
combination of tracks and cells by their errors where there is no significant neutral excess.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.simulate.cards import CalorimeterCard
from resonaut.simulate.order import stable_order


@dataclass
class Deposits:
    """Energy that particles leave in a calorimeter, and what their tracks say.

    Attributes:
        event, eta, phi, energy: (n,) the event's number in the batch, point of impact, energy (GeV).
        track_energy: (n,) measured by the particle's track, 0 where it has none.
        track_variance: (n,) of that measurement, GeV^2.
    """

    event: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    energy: np.ndarray
    track_energy: np.ndarray
    track_variance: np.ndarray


@dataclass
class Flow:
    """What energy flow makes of a calorimeter.

    Attributes:
        event, eta, phi, energy: (n_neutral,) neutral candidates.
        track_scale: (n_deposits,) factor for the momentum of each deposit's track.
    """

    event: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    energy: np.ndarray
    track_scale: np.ndarray


class Calorimeter:
    """Cells in eta and phi with a resolution."""

    def __init__(self, card: CalorimeterCard) -> None:
        self._card = card
        self._edges = np.asarray(card.eta_edges, dtype=np.float64)
        self._n_phi = np.asarray(card.n_phi, dtype=np.int64)
        self._first = np.concatenate([[0], np.cumsum(self._n_phi)])
        centres = np.abs(0.5 * (self._edges[1:] + self._edges[:-1]))
        limits = [resolution.eta_max for resolution in card.resolutions]
        which = np.minimum(np.searchsorted(limits, centres), len(limits) - 1)
        self._terms = np.empty((3, len(centres)))
        for number, resolution in enumerate(card.resolutions):
            rings = which == number
            shape = np.polynomial.polynomial.polyval(centres[rings] - resolution.centre, resolution.shape)
            parts = np.array([[resolution.constant], [resolution.stochastic], [resolution.noise]])
            self._terms[:, rings] = (parts * shape) ** 2

    def sigma(self, energy: np.ndarray, ring: np.ndarray) -> np.ndarray:
        """Resolution, GeV, of `energy` (GeV) in cells of `ring` (number of the bin in eta)."""
        constant, stochastic, noise = self._terms[:, ring]
        return np.sqrt((constant * energy + stochastic) * energy + noise)

    def flow(self, deposits: Deposits, rng: np.random.Generator) -> Flow:
        """Measure deposits, take the tracks' energy off, and give each its share of what is known best."""
        scale = np.ones(len(deposits.event))
        inside, cell, ring = self._cells(deposits.eta, deposits.phi)
        key = deposits.event[inside] * self._first[-1] + cell
        order = stable_order(key, int(key.max(initial=0)).bit_length())
        key = key[order]
        starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else key
        if not len(starts):
            empty = np.empty(0)
            return Flow(np.empty(0, np.int64), empty, empty, empty, scale)
        rows = inside[order]
        ring = ring[order][starts]
        true = np.add.reduceat(deposits.energy[rows], starts)
        charged = np.add.reduceat(deposits.track_energy[rows], starts)
        variance = np.add.reduceat(deposits.track_variance[rows], starts)

        measured = log_normal(true, self.sigma(true, ring), rng)
        sigma = self.sigma(measured, ring)
        card = self._card
        measured[(measured < card.energy_min) | (measured < card.significance_min * sigma)] = 0.0
        neutral = np.maximum(measured - charged, 0.0)
        excess = (neutral > card.energy_min) & (
            neutral > card.significance_min * np.sqrt(variance + sigma**2)
        )

        combine = np.flatnonzero(~excess & (charged > 0))
        errors = sigma[combine] ** 2 + variance[combine]
        best = charged[combine] * sigma[combine] ** 2 + measured[combine] * variance[combine]
        cell_scale = np.ones(len(starts))
        cell_scale[combine] = np.divide(
            best, errors * charged[combine], out=np.ones(len(combine)), where=errors > 0
        )
        scale[rows] = np.repeat(cell_scale, np.diff(np.append(starts, len(rows))))

        event, place = np.divmod(key[starts[excess]], self._first[-1])
        ring = ring[excess]
        # Anywhere in the cell: its centre would put a lattice into every jet.
        eta = self._edges[ring] + rng.random(len(ring)) * (self._edges[ring + 1] - self._edges[ring])
        column = place - self._first[ring] + rng.random(len(ring))
        phi = column * (2 * np.pi / self._n_phi[ring]) - np.pi
        return Flow(event, eta, phi, neutral[excess], scale)

    def _cells(self, eta: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows inside the acceptance; the cell and the ring of each."""
        ring = np.searchsorted(self._edges, eta, side="right") - 1
        inside = np.flatnonzero((ring >= 0) & (ring < len(self._n_phi)))
        ring = ring[inside]
        n_phi = self._n_phi[ring]
        column = ((phi[inside] + np.pi) * (n_phi / (2 * np.pi))).astype(np.int64)
        return inside, self._first[ring] + np.clip(column, 0, n_phi - 1), ring


def log_normal(mean: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positive random numbers of given mean and standard deviation, both (n,)."""
    variance = np.log1p((sigma / mean) ** 2)
    return mean * np.exp(np.sqrt(variance) * rng.standard_normal(len(mean)) - 0.5 * variance)
