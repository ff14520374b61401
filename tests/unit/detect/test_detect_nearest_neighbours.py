"""Nearest neighbours: distances by hand, units that do not matter, the density that they estimate."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.errors import TrainingError

SETTINGS = {"features": ["first", "second"], "n_folds": 3, "k": 5, "min_events": 1}


def _score(data, context, **more) -> np.ndarray:
    detector = registry.build("detect", "nearest_neighbours", {**SETTINGS, **more})
    return detector.fit(data, context).score(data)


@pytest.mark.parametrize("distance", ["kth", "mean"])
def test_distances_are_those_to_the_other_folds(distance: str, toy, scan, context) -> None:
    data = toy(300, 0).data(scan)
    scores = _score(data, context, distance=distance)
    values = np.stack([data.features[name].astype(np.float32) for name in ("first", "second")], axis=1)
    for event in range(0, 300, 17):
        others = values[scores.fold != scores.fold[event]].astype(np.float64)
        scaled = (others - values[event]) / others.std(0)
        nearest = np.sort(np.linalg.norm(scaled, axis=1))[:5]
        expected = nearest[4] if distance == "kth" else nearest.mean()
        assert scores.score[0, event] == pytest.approx(expected, rel=1e-4)


def test_the_units_of_a_feature_do_not_matter(toy, scan, context) -> None:
    data = toy(500, 0).data(scan)
    features = {"first": data.features["first"] * 2048 + 4096, "second": data.features["second"]}
    other = dataclasses.replace(data, features=features)
    np.testing.assert_allclose(_score(data, context).score, _score(other, context).score, rtol=1e-2)


def test_the_distance_orders_events_as_the_true_density_does(toy, scan, context) -> None:
    made = toy(3000, 30)
    made.features[made.truth] += 2
    data = made.data(scan)
    score = _score(data, context, k=20).score[0]
    assert roc_auc_score(made.truth, score) > 0.95
    background = ~made.truth
    # -log p of two normal features is |x|^2 / 2 up to a constant.
    radius = (made.features[background] ** 2).sum(1)
    assert spearmanr(radius, score[background]).statistic > 0.9


def test_a_limit_takes_reference_events_by_their_hash(toy, scan, context) -> None:
    data = toy(900, 0).data(scan)
    few, all_ = (_score(data, context, n_reference_max=n).score[0] for n in (100, 600))
    # 6 times fewer events in two dimensions: distances grow by about the root of 6.
    assert np.median(few / all_) == pytest.approx(6**0.5, rel=0.15)
    turned = _score(data.take(np.arange(900)[::-1]), context, n_reference_max=100).score[0]
    np.testing.assert_allclose(turned[::-1], few, rtol=1e-6)


def test_too_few_events_are_named(toy, scan, context) -> None:
    with pytest.raises(TrainingError, match=r"at least 300 are needed \(detect\.toy\.k\)"):
        _score(toy(300, 0).data(scan), context, k=300)
