"""What pile-up does to the leading jets: the same jets of the same events, with and without."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from resonaut import ragged
from resonaut.errors import EmptyFileError, InputError
from resonaut.events import Columns, Events
from resonaut.kinematics import delta_phi
from resonaut.manifest import Manifest
from resonaut.store import Store

DELTA_R_MAX = 0.4
N_LEADING = 2
_IDS = ("run", "lumi", "event")
_KINEMATICS = ("pt", "eta", "phi", "mass")


@dataclass(frozen=True)
class Offsets:
    """Leading jets of `nominal` that have a jet of the varied event near them.

    Attributes:
        n_pu: (n_jets,) interactions of the event.
        pt, mass: (n_jets,) change, GeV.
        n_nominal: leading jets of the events that both have.
    """

    n_pu: np.ndarray
    pt: np.ndarray
    mass: np.ndarray
    n_nominal: int

    def per_interaction(self, name: str) -> tuple[float, float]:
        """Median of the change of `pt` or `mass` over the interactions of the event, GeV, and its error."""
        some = self.n_pu > 0
        median, error, _ = _median(getattr(self, name)[some] / self.n_pu[some])
        return median, error

    def binned(self, name: str, n_bins: int) -> np.ndarray:
        """Rows: mean n_pu, median change, its error, half of the central 68 % interval; (4, n_bins).

        Bins hold equal numbers of jets.
        """
        values = getattr(self, name)
        order = np.argsort(self.n_pu, kind="stable")
        found = []
        for rows in np.array_split(order, max(1, min(n_bins, len(order) // 20))):
            found.append([self.n_pu[rows].mean(), *_median(values[rows])])
        return np.array(found).T


def _median(values: np.ndarray) -> tuple[float, float, float]:
    """Median, its error, half of the central 68 % interval; NaN without values.

    The error is that of a Gaussian, sqrt(pi / 2) times that of a mean, with the width from the interval.
    """
    if not len(values):
        return math.nan, math.nan, math.nan
    low, middle, high = np.percentile(values, [15.87, 50, 84.13])
    width = 0.5 * (high - low)
    return float(middle), float(np.sqrt(np.pi / 2 / len(values)) * width), float(width)


def offsets(nominal: Manifest, varied: Manifest) -> Offsets:
    """Compare the jets of two manifests of stores, chunk by chunk.

    Raises:
        InputError: their chunks do not belong together, or the varied events have no `n_pu`.
        EmptyFileError: no jet is in both.
    """
    if len(nominal.chunks) != len(varied.chunks):
        raise InputError(
            f"{varied.path}: it has {len(varied.chunks)} chunks and {nominal.path} has "
            f"{len(nominal.chunks)}; manifests of the same events are expected. Ingest both again."
        )
    parts = []
    for first, second in zip(nominal.chunks, varied.chunks, strict=True):
        with Store(first) as one, Store(second) as other:
            if "events/n_pu" not in other:
                raise InputError(
                    f"{varied.path}: its events have no n_pu; the stores of a variation of kind pileup are "
                    "expected."
                )
            parts.append(compared(one.read(with_constituents=False), other.read(with_constituents=False)))
    n_pu, pt, mass = (
        np.concatenate([getattr(part, key) for part in parts]) for key in ("n_pu", "pt", "mass")
    )
    if not len(n_pu):
        raise EmptyFileError(f"{varied.path}: no leading jet of {nominal.path} is found again in it.")
    return Offsets(n_pu, pt, mass, sum(part.n_nominal for part in parts))


def compared(nominal: Events, varied: Events) -> Offsets:
    """The leading jets of the events that stand in both, each with the nearest jet of the varied event."""
    here, there = _same_events(nominal.events, varied.events)
    jet, starts = ragged.take(nominal.event_offsets, here, N_LEADING)
    event = there[ragged.row_of(starts)]
    other, pairs = ragged.take(varied.event_offsets, event)
    of = ragged.row_of(pairs)
    distance = np.hypot(
        varied.jets["eta"][other] - nominal.jets["eta"][jet[of]],
        delta_phi(varied.jets["phi"][other], nominal.jets["phi"][jet[of]]),
    )
    # The nearest of each jet comes first.
    order = np.lexsort((distance, of))
    nearest = order[np.concatenate([[True], np.diff(of[order]) > 0])] if len(of) else order
    nearest = nearest[distance[nearest] < DELTA_R_MAX]
    row, mine = other[nearest], jet[of[nearest]]
    changed = {
        name: (varied.jets[name][row] - nominal.jets[name][mine]).astype(np.float64)
        for name in ("pt", "mass")
    }
    n_pu = varied.events["n_pu"][event[of[nearest]]].astype(np.float64)
    return Offsets(n_pu, changed["pt"], changed["mass"], len(jet))


def _same_events(nominal: Columns, varied: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the events that stand in both."""
    both = [np.stack([np.asarray(events[name]) for name in _IDS], axis=1) for events in (nominal, varied)]
    together, inverse = np.unique(np.concatenate(both), axis=0, return_inverse=True)
    place = np.full((2, len(together)), -1)
    inverse = inverse.ravel()
    place[0, inverse[: len(both[0])]] = np.arange(len(both[0]))
    place[1, inverse[len(both[0]) :]] = np.arange(len(both[1]))
    return tuple(place[:, (place >= 0).all(axis=0)])
