"""What a change of the events does to a score, with errors that know that the events are the same.

Replicas of a bootstrap give every event a Poisson(1) weight (Chamandy et al., "Estimating uncertainty for
massive data streams", 2012) that follows from its key: an event has the same weight in the nominal sample and
in all varied ones, so what both share cancels in the error of their difference. Samples of other events are
independent of themselves. The first replica is the sample as it is.

With the threshold t at which a share of the nominal signal, the efficiency, is selected, the signal's and the
background's efficiencies are measured of the varied events at the same t, as an analysis would that does not
know of the change, and the background's at the threshold that selects the same share of the varied signal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resonaut.seeds import integer_seed, mix64

N_BINS = 20
_EDGE = 1e-6
_CUMULATIVE = np.cumsum(np.exp(-1.0) / np.cumprod([1, *range(1, 20)]))
"""Of a Poisson distribution of mean 1."""


@dataclass(frozen=True)
class Sample:
    """Rows of one class.

    Attributes:
        score: (n,) higher is more like signal.
        key: (n,) uint64 that names the event of the row.
        weight: (n,), not negative in sum.
    """

    score: np.ndarray
    key: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Classes:
    """Signal and background under one variation, or nominal."""

    signal: Sample
    background: Sample


@dataclass(frozen=True)
class Replicas:
    """What was measured in R replicas, the first being the sample itself, at E efficiencies, in B bins.

    Attributes:
        auc: (R,) area under the curve.
        threshold: (R, E) that selects the wanted share of its own signal.
        signal, background: (R, E) efficiencies at the nominal threshold of the replica.
        background_same: (R, E) efficiency of the background at `threshold`.
        shape: by class (R, B) share of the rows in each bin of the score.
        smirnov: by class (R,) largest distance of its cumulative distribution from the nominal one.
    """

    auc: np.ndarray
    threshold: np.ndarray
    signal: np.ndarray
    background: np.ndarray
    background_same: np.ndarray
    shape: dict[str, np.ndarray]
    smirnov: dict[str, np.ndarray]


def poisson_weights(key: np.ndarray, replica: int, seed: int) -> np.ndarray:
    """(n,) Poisson(1) weights of events in a replica, that follow from their keys; 1 in replica 0."""
    if replica == 0:
        return np.ones(len(key))
    of_replica = np.uint64(integer_seed(seed, "response", replica, bits=64))
    uniform = (mix64(key ^ of_replica) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.searchsorted(_CUMULATIVE, uniform, side="right").astype(np.float64)


class _Sorted:
    """A sample in the order of falling scores."""

    def __init__(self, sample: Sample, edges: np.ndarray) -> None:
        order = np.argsort(-sample.score, kind="stable")
        self.score, self.weight, self.key = sample.score[order], sample.weight[order], sample.key[order]
        self.ascending = self.score[::-1]
        inner = np.searchsorted(edges, self.score, side="right") - 1
        self.place = np.clip(inner, 0, len(edges) - 2)

    def replica(self, number: int, seed: int) -> np.ndarray:
        """Weights in a replica."""
        return self.weight * poisson_weights(self.key, number, seed)

    def threshold(self, passed: np.ndarray, efficiency: np.ndarray) -> np.ndarray:
        """Thresholds that select shares of the sum of weights, from its (n + 1,) cumulative sum."""
        place = np.searchsorted(np.maximum.accumulate(passed[1:]), efficiency * passed[-1], side="left")
        return self.score[np.minimum(place, len(self.score) - 1)]

    def efficiency(self, passed: np.ndarray, threshold: np.ndarray) -> np.ndarray:
        """Share of the sum of weights at or above thresholds."""
        n_below = np.searchsorted(self.ascending, threshold, side="left")
        return passed[len(self.score) - n_below] / passed[-1]


def _cumulative(weight: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(weight)])


class _Pair:
    """Signal and background of one variation, with what does not change between replicas."""

    def __init__(self, classes: Classes, nominal: _Pair | None, edges: np.ndarray) -> None:
        self.samples = {name: _Sorted(getattr(classes, name), edges) for name in ("signal", "background")}
        signal, background = self.samples["signal"], self.samples["background"]
        # Background rows above, and at or above, each signal row.
        n = len(background.score)
        self.above = n - np.searchsorted(background.ascending, signal.score, side="right")
        self.at_or_above = n - np.searchsorted(background.ascending, signal.score, side="left")
        self.merged = {}
        for name, sample in self.samples.items() if nominal is not None else ():
            both = np.concatenate([nominal.samples[name].score, sample.score])
            order = np.argsort(-both, kind="stable")
            last = np.append(np.diff(both[order]) != 0, True)
            self.merged[name] = order, np.flatnonzero(last)

    def auc(self, weights: Mapping[str, np.ndarray]) -> float:
        """Probability that a signal row has a higher score than one of background; ties count half."""
        passed = _cumulative(weights["background"])
        above = (passed[self.above] + passed[self.at_or_above]) / 2
        total = weights["signal"].sum() * passed[-1]
        return float(1 - (weights["signal"] * above).sum() / total) if total > 0 else np.nan

    def smirnov(self, name: str, nominal: np.ndarray, weight: np.ndarray) -> float:
        """Largest distance of the cumulative distributions of a class."""
        order, last = self.merged[name]
        difference = np.cumsum(np.concatenate([nominal / nominal.sum(), -weight / weight.sum()])[order])
        return float(np.abs(difference[last]).max())


def bin_edges(classes: Classes, n_bins: int = N_BINS) -> np.ndarray:
    """Edges of the bins of a score, from the smallest 0.5 % to the largest 0.5 % quantile of the classes.

    Bins of probabilities are of equal width in their log odds, those of other scores in the score.
    """
    scores = [classes.signal.score, classes.background.score]
    probabilities = all(score.min() >= 0 and score.max() <= 1 for score in scores)
    quantiles = np.quantile(scores[0], (0.005, 0.995)), np.quantile(scores[1], (0.005, 0.995))
    low, high = min(q[0] for q in quantiles), max(q[1] for q in quantiles)
    if not probabilities:
        return np.linspace(low, high if high > low else low + 1, n_bins + 1)
    low, high = log_odds(np.array([low, high]))
    return 1 / (1 + np.exp(-np.linspace(low, high if high > low else low + 1, n_bins + 1)))


def log_odds(probability: np.ndarray) -> np.ndarray:
    """ln(p / (1 - p)); beyond 1e-6 of 0 and 1 it stays at +-13.8."""
    inside = np.clip(probability, _EDGE, 1 - _EDGE)
    return np.log(inside / (1 - inside))


def measure(
    nominal: Classes,
    varied: Mapping[str, Classes],
    efficiencies: Sequence[float],
    n_replicas: int,
    seed: int,
    edges: np.ndarray,
) -> dict[str, Replicas]:
    """Measure a score, nominal (under the name `nominal`) and varied.

    Args:
        nominal, varied: rows by variation; none of the classes may be empty.
        efficiencies: of the signal.
        n_replicas: of the bootstrap.
        seed: of the replicas.
        edges: bins of the score; what is outside counts in the first and the last bin.
    """
    wanted = np.asarray(efficiencies, float)
    pairs = {"nominal": _Pair(nominal, None, edges)}
    pairs |= {name: _Pair(classes, pairs["nominal"], edges) for name, classes in varied.items()}
    found: dict[str, list[tuple]] = {name: [] for name in pairs}
    for number in range(n_replicas + 1):
        reference: dict[str, np.ndarray] = {}
        thresholds = np.zeros(0)
        for name, pair in pairs.items():
            weights = {key: sample.replica(number, seed) for key, sample in pair.samples.items()}
            passed = {key: _cumulative(weight) for key, weight in weights.items()}
            own = pair.samples["signal"].threshold(passed["signal"], wanted)
            if name == "nominal":
                reference, thresholds = weights, own
            found[name].append(
                (
                    pair.auc(weights),
                    own,
                    *(s.efficiency(passed[key], thresholds) for key, s in pair.samples.items()),
                    pair.samples["background"].efficiency(passed["background"], own),
                    *(
                        np.bincount(s.place, weights[key], len(edges) - 1) / passed[key][-1]
                        for key, s in pair.samples.items()
                    ),
                    *(
                        pair.smirnov(key, reference[key], weights[key]) if pair.merged else 0.0
                        for key in pair.samples
                    ),
                )
            )
    return {name: _replicas(rows) for name, rows in found.items()}


def _replicas(rows: list[tuple]) -> Replicas:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    names = ("signal", "background")
    shape = dict(zip(names, columns[5:7], strict=True))
    smirnov = dict(zip(names, columns[7:9], strict=True))
    return Replicas(*columns[:5], shape, smirnov)


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence of distributions over the last axis, bits (Lin, doi:10.1109/18.61115).

    0 for equal ones, 1 for distributions that share no bin. Negative shares count as 0.
    """
    p, q = (np.maximum(values, 0) for values in (p, q))
    middle = (p + q) / 2

    def half(values: np.ndarray) -> np.ndarray:
        ratio = np.where(values > 0, values / np.where(middle > 0, middle, 1), 1)
        return (values * np.log2(ratio)).sum(axis=-1) / 2

    return half(p) + half(q)
