"""PUPPI: a weight for each particle of an event with pile-up (arXiv:1407.6013)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut import ragged
from resonaut.compiled import kernel
from resonaut.ingest.batch import Ragged
from resonaut.variations.pileup import Puppi

NEUTRAL, LEADING, OTHER = 0, 1, 2
"""What is known of a particle's vertex: nothing, it is the leading one, it is another."""


@dataclass(frozen=True)
class Shape:
    """The local shape alpha of particles, and what pile-up looks like in it.

    Attributes:
        alpha: (n_particles,) -inf without neighbours.
        median, spread: (n_events,) of pile-up, the spread from the values below the median; NaN where an
            event has no pile-up to take them from.
    """

    alpha: np.ndarray
    median: np.ndarray
    spread: np.ndarray

    def weights(self, event: np.ndarray) -> np.ndarray:
        """(n_particles,) cumulative distribution of chi^2 with one degree of freedom, 0 below the median.

        1 in an event that has no pile-up to compare with.
        """
        from scipy.special import erf

        above = self.alpha - self.median[event]
        with np.errstate(divide="ignore", invalid="ignore"):
            sigmas = np.where(above > 0, above / self.spread[event], 0.0)
        return np.where(np.isnan(self.median[event]), 1.0, erf(sigmas / np.sqrt(2)))


def weights(particles: Ragged, vertex: np.ndarray, n_pu: np.ndarray, settings: Puppi) -> np.ndarray:
    """The weight of each particle, 0 to 1.

    Charged particles of the leading vertex have 1, of others 0. Below `eta_tracks`, alpha sums over charged
    particles of the leading vertex, and pile-up is known from charged particles of others; beyond, where
    there are no tracks, alpha sums over all particles, and all of them stand for pile-up.

    Args:
        particles: of each event: pt, eta, phi.
        vertex: (n_particles,) `NEUTRAL`, `LEADING` or `OTHER`.
        n_pu: (n_events,) number of pile-up interactions, for the cut on neutral particles.
        settings: cone, cuts.
    """
    event = ragged.row_of(particles.offsets)
    columns = {name: particles.columns[name].astype(np.float64) for name in ("pt", "eta", "phi")}
    tracked = np.abs(columns["eta"]) < settings.eta_tracks
    leading = vertex == LEADING
    other = tracked & (vertex == OTHER)
    central = shape(columns, particles.offsets, leading, other, tracked & ~leading, settings)
    forward = shape(columns, particles.offsets, np.ones(len(event), bool), ~tracked, ~tracked, settings)
    found = np.where(tracked, central.weights(event), forward.weights(event))
    found[found < settings.weight_min] = 0.0
    neutral_min = settings.neutral_pt_min + settings.neutral_pt_slope * n_pu[event]
    found[found * columns["pt"] < neutral_min] = 0.0
    return np.where(vertex == NEUTRAL, found, (vertex == LEADING).astype(np.float64))


def shape(
    columns: dict[str, np.ndarray],
    offsets: np.ndarray,
    summed: np.ndarray,
    pileup: np.ndarray,
    wanted: np.ndarray,
    settings: Puppi,
) -> Shape:
    """alpha = log sum pt_j / dR_ij over the neighbours with r_min <= dR_ij <= r_max (equation 2.1).

    Median and spread are those of equations 2.5 and 2.6.

    Args:
        columns: pt, eta, phi, (n_particles,); GeV, radian.
        offsets: (n_events + 1,) first particle of each event.
        summed: (n_particles,) mask of the neighbours.
        pileup: (n_particles,) mask of the particles that stand for pile-up.
        wanted: (n_particles,) mask, `pileup` among them: of the others alpha is -inf.
    """
    event = ragged.row_of(offsets)
    order = np.lexsort((columns["eta"], event))
    pt, eta, phi = (np.ascontiguousarray(columns[name][order]) for name in ("pt", "eta", "phi"))
    sums = np.empty(len(order))
    sums[order] = _sums(pt, eta, phi, summed[order], wanted[order], offsets, settings.r_min, settings.r_max)
    with np.errstate(divide="ignore"):
        alpha = np.log(sums)
    median, spread = _median_and_spread(alpha, pileup & (sums > 0), offsets)
    return Shape(alpha, median, spread)


@kernel()
def _sums(pt, eta, phi, summed, wanted, offsets, r_min, r_max):
    """(n_particles,) sum of pt / dR over the neighbours in `summed`; particles of an event by rising eta.

    0 where it is not wanted.
    """
    found = np.zeros(len(pt))
    rows = np.empty(len(pt), np.int64)
    for event in range(len(offsets) - 1):
        n = 0
        for row in range(offsets[event], offsets[event + 1]):
            if summed[row]:
                rows[n] = row
                n += 1
        first = 0
        for row in range(offsets[event], offsets[event + 1]):
            while first < n and eta[rows[first]] < eta[row] - r_max:
                first += 1
            place = first if wanted[row] else n
            while place < n and eta[rows[place]] <= eta[row] + r_max:
                other = rows[place]
                deta = eta[other] - eta[row]
                dphi = abs(phi[other] - phi[row]) % (2 * np.pi)
                dphi = min(dphi, 2 * np.pi - dphi)
                squared = deta * deta + dphi * dphi
                if r_min * r_min <= squared <= r_max * r_max and other != row:
                    found[row] += pt[other] / np.sqrt(squared)
                place += 1
    return found


@kernel(frozenset())
def _median_and_spread(alpha, pileup, offsets):
    """(n_events,) median, and root mean square distance from it of the values below; NaN without values."""
    n_events = len(offsets) - 1
    median, spread = np.full(n_events, np.nan), np.full(n_events, np.nan)
    values = np.empty(len(alpha))
    for event in range(n_events):
        n = 0
        for row in range(offsets[event], offsets[event + 1]):
            if pileup[row]:
                values[n] = alpha[row]
                n += 1
        if n:
            median[event] = np.median(values[:n])
            below, squares = 0, 0.0
            for place in range(n):
                if values[place] < median[event]:
                    below += 1
                    squares += (values[place] - median[event]) ** 2
            spread[event] = np.sqrt(squares / below) if below else 0.0
    return median, spread
