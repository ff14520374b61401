"""The autoencoder: rare images are drawn badly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.detect.methods.autoencoder import _jets_of
from resonaut.errors import TrainingError

SETTINGS = {
    "hidden": [16],
    "bottleneck": 4,
    "n_restarts": 2,
    "training": {"epochs": 25, "batch_size": 64, "learning_rate": 3e-3, "patience": 25},
}


def test_rare_images_score_higher(toy, scan, context) -> None:
    made = toy(2000, 20)
    data = made.data(scan)
    scores = registry.build("detect", "autoencoder", SETTINGS).score(data, context)
    assert roc_auc_score(made.truth, scores.score[0]) > 0.97
    np.testing.assert_array_equal(scores.score[0], scores.score[1])


def test_sum_and_max_of_two_equal_jets(toy, scan, context) -> None:
    data = toy(300, 0).data(scan)
    twice = dataclasses.replace(data, images=np.repeat(data.images[:, :1], 2, axis=1))
    quick = {**SETTINGS, "training": {"epochs": 2, "batch_size": 64}}
    total, largest = (
        registry.build("detect", "autoencoder", {**quick, "combine": combine}).score(twice, context).score
        for combine in ("sum", "max")
    )
    np.testing.assert_allclose(total, 2 * largest, rtol=1e-5)


def test_limit_takes_whole_events_by_their_hash() -> None:
    events = np.array([True, True, False, True, True])
    order = np.array([5, 1, 0, 9, 3], np.uint64)
    np.testing.assert_array_equal(_jets_of(events, order, 2, 4), [2, 3, 8, 9])
    np.testing.assert_array_equal(_jets_of(events, order, 2, 100), [0, 1, 2, 3, 6, 7, 8, 9])


def test_too_few_jets_are_named(toy, scan, context) -> None:
    with pytest.raises(TrainingError, match=r"detect\.toy: \d jets of mixture 'data' are left"):
        registry.build("detect", "autoencoder", SETTINGS).score(toy(8, 0).data(scan), context)
