"""The isolation forest: points that are unlike all others; an over-density of ordinary events is not seen."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.errors import EmptyWindowError

SETTINGS = {"features": ["first", "second"], "n_folds": 3, "n_trees": 50}


def test_far_events_score_higher_and_as_in_scikit_learn(toy, scan, context) -> None:
    made = toy(1500, 20)
    made.features[made.truth] += 2
    data = made.data(scan)
    scores = registry.build("detect", "isolation_forest", SETTINGS).fit(data, context).score(data)
    assert roc_auc_score(made.truth, scores.score[0]) > 0.98
    assert 0 < scores.score.min() < scores.score.max() < 1
    own = scores.fold == 1
    plain = IsolationForest(n_estimators=50, random_state=7).fit(made.features[~own])
    assert np.corrcoef(-plain.score_samples(made.features[own]), scores.score[0, own])[0, 1] > 0.95


def test_an_over_density_of_ordinary_events_is_seen_by_cwola_alone(toy, scan, context) -> None:
    """The group anomaly: 150 events at 3.5 TeV where features of the background are as rare or as common."""
    made = toy(4000, 150)
    made.features[made.truth] = np.random.default_rng(4).normal([1.5, 0.0], 0.15, (150, 2))
    data = made.data(scan)
    inside = data.regions[0] == 1
    found = {}
    training = {"epochs": 20, "batch_size": 256, "learning_rate": 5e-3}
    cwola = {"features": ["first", "second"], "hidden": [16], "n_restarts": 1, "training": training}
    for name, settings in (("isolation_forest", SETTINGS), ("cwola", cwola)):
        score = registry.build("detect", name, settings).fit(data, context).score(data).score[0]
        found[name] = roc_auc_score(made.truth[inside], score[inside])
    assert 0.4 < found["isolation_forest"] < 0.65
    assert found["cwola"] > 0.9


def test_a_window_without_events_is_named(toy, scan, context) -> None:
    data = toy(60, 0).data(scan)
    with pytest.raises(EmptyWindowError, match=r"detect\.toy\.min_events"):
        registry.build("detect", "isolation_forest", SETTINGS).fit(data, context)
