"""Importance of features by shuffling them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from resonaut.detect.importance import importance
from resonaut.detect.interface import Events, Scores


@dataclasses.dataclass(frozen=True)
class Weighted:
    """Scores are sums of features with fixed weights; two folds on different scales."""

    weights: dict[str, float]

    def score(self, events: Events) -> Scores:
        fold = (events.split_hash % np.uint64(2)).astype(np.int32)
        value = sum(factor * events.features[name] for name, factor in self.weights.items())
        score = np.repeat((value + 100 * fold)[None], len(events.regions), axis=0)
        return Scores(score.astype(np.float32), fold)


def test_a_feature_counts_as_much_as_the_ranks_move_without_it(toy, scan, context) -> None:
    data = toy(4000, 0).data(scan)
    found = importance(Weighted({"first": 2.0, "second": 1.0}), data, context, 4000)
    assert set(found) == {"3300-3700", "3800-4200"}
    # Without `first` the score keeps 1 / 5 of its variance: Pearson's r is 1 / 5, Spearman's
    # (6 / pi) asin(r / 2).
    for feature, kept in (("first", 1 / 5), ("second", 4 / 5)):
        expected = 1 - 6 / np.pi * np.arcsin(kept / 2)
        assert found["3300-3700"][feature] == pytest.approx(expected, abs=0.05)


def test_an_unused_feature_has_none(toy, scan, context) -> None:
    data = toy(1000, 0).data(scan)
    assert importance(Weighted({"first": 1.0}), data, context, 500)["3300-3700"]["second"] == 0


def test_nothing_is_said_without_events_or_features(toy, scan, context) -> None:
    data = toy(1000, 0).data(scan)
    assert importance(Weighted({"first": 1.0}), data, context, 0) == {}
    assert importance(Weighted({}), dataclasses.replace(data, features={}), context, 500) == {}
    constant = importance(Weighted({"first": 0.0}), data, context, 500)
    assert constant == {}


def test_it_is_the_same_in_two_runs(toy, scan, context) -> None:
    data = toy(1000, 0).data(scan)
    one, two = (importance(Weighted({"first": 1.0, "second": 1.0}), data, context, 300) for _ in range(2))
    assert one == two
