"""Histograms of runs: events drawn from good data, with or without a fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_RUNS_AT_ONCE = 200


@dataclass(frozen=True)
class Pool:
    """What runs are drawn from.

    Attributes:
        counts: (n_events, n_bins) histograms of each event.
        dataset: (n_events,) number of the dataset of each event.
    """

    counts: csr_matrix
    dataset: np.ndarray

    def shares(self) -> np.ndarray:
        """Share of each dataset, (n_datasets,)."""
        found = np.bincount(self.dataset)
        return found / found.sum()

    def mean(self) -> np.ndarray:
        """Counts per event in each bin, (n_bins,)."""
        return np.asarray(self.counts.mean(axis=0), np.float64).ravel()


def draw(pool: Pool, n_runs: int, n_events: int, mixing: float, rng: np.random.Generator) -> np.ndarray:
    """Histograms of runs of independently drawn events, (n_runs, n_bins).

    Counts of a run then fluctuate as those of events do: bins that one event fills together are correlated,
    and no bin is taken to be a Poisson number.

    Args:
        pool: events are drawn with replacement, so that it stands for all events that there could be.
        n_events: of each run.
        mixing: width of the logarithm of each dataset's share, drawn anew for each run.
    """
    from scipy.sparse import csr_matrix

    shares = pool.shares()
    own = [np.flatnonzero(pool.dataset == number) for number in range(len(shares))]
    found = np.empty((n_runs, pool.counts.shape[1]), np.float32)
    for start in range(0, n_runs, _RUNS_AT_ONCE):
        size = min(_RUNS_AT_ONCE, n_runs - start)
        share = shares * np.exp(mixing * rng.standard_normal((size, len(shares))))
        of_dataset = rng.multinomial(n_events, share / share.sum(axis=1, keepdims=True))
        rows, run = _chosen(own, of_dataset, rng)
        take = csr_matrix((np.ones(len(rows), np.float32), (run, rows)), shape=(size, pool.counts.shape[0]))
        found[start : start + size] = (take @ pool.counts).toarray()
    return found


def _chosen(
    own: Sequence[np.ndarray], of_dataset: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Event and run of each draw."""
    rows, runs = [], []
    for number, events in enumerate(own):
        count = of_dataset[:, number]
        rows.append(events[rng.integers(0, len(events), int(count.sum()))])
        runs.append(np.repeat(np.arange(len(count)), count))
    return np.concatenate(rows), np.concatenate(runs)
