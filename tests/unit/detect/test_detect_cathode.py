"""CATHODE on toys with a known answer."""

from __future__ import annotations

import following_mass as toy
import numpy as np
import pytest

from resonaut.detect import classify
from resonaut.errors import BadValueError, EmptyWindowError


@pytest.fixture(scope="module")
def made() -> toy.Following:
    return toy.Following(12_000, 160)


@pytest.mark.parametrize("classifier", ["network", "trees"])
def test_signal_is_found_where_features_follow_the_mass_and_cwola_falls(classifier: str, made) -> None:
    cathode = toy.separation(toy.fitted_scores("cathode", made.data(), classifier=classifier), made)
    cwola = toy.separation(toy.fitted_scores("cwola", made.data(), classifier=classifier), made)
    assert cathode > (0.95 if classifier == "network" else 0.85)
    assert cwola < 0.4


def test_null_is_flat_where_features_do_not_follow_the_mass() -> None:
    null = toy.Following(6000, 0, seed=4)
    null.features -= toy.mean_at(null.mass)
    scores = toy.fitted_scores("cathode", null.data())
    inside = null.data().regions[0] == 1
    count = (toy.selected(scores, null, 0.2) & inside).sum()
    assert abs(count - 0.2 * inside.sum()) < 4 * np.sqrt(0.2 * inside.sum())


def test_each_task_is_data_of_the_signal_region_against_a_template(monkeypatch, made) -> None:
    seen = {}

    def spy(table, tasks, *more, **named):
        seen.update(table=table, tasks=tasks)
        return real(table, tasks, *more, **named)

    real = classify.fit_classifiers
    monkeypatch.setattr(classify, "fit_classifiers", spy)
    data = made.data()
    scores = toy.fitted_scores("cathode", data, oversampling=3, training={"epochs": 1})
    assert [(task.name, task.fold) for task in seen["tasks"]] == [("3300-3700", fold) for fold in range(3)]
    for task in seen["tasks"]:
        own = task.target == 1
        expected = np.flatnonzero((data.regions[0] == 1) & (scores.fold != task.fold))
        np.testing.assert_array_equal(task.rows[own], expected)
        np.testing.assert_array_equal(task.part[own], scores.fold[expected])
        np.testing.assert_allclose(seen["table"][task.rows[own]], made.features[expected], rtol=1e-6)
        # Three rows of the template for each event, in its part, beyond the rows of the data.
        assert (~own).sum() == 3 * own.sum()
        np.testing.assert_array_equal(np.bincount(task.part[~own]), 3 * np.bincount(task.part[own]))
        assert (task.rows[~own] >= len(data)).all()
    assert np.unique(np.concatenate([task.rows[task.target == 0] for task in seen["tasks"]])).size == sum(
        (task.target == 0).sum() for task in seen["tasks"]
    )


def test_window_with_too_few_events_and_bad_features_are_named(made) -> None:
    data = made.data()
    with pytest.raises(EmptyWindowError, match=r"3300-3700 GeV\): its signal region holds \d+ events"):
        toy.fitted_scores("cathode", data, min_events=4000)
    data.features["second"][:] = 2.0
    with pytest.raises(BadValueError, match=r"detect\.toy\.features: 'second' is 2 in all 12160 events"):
        toy.fitted_scores("cathode", data)
