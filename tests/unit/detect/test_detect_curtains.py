"""CURTAINs-like transport: the signal is found; thresholds of carried side bands hold where they end up."""

from __future__ import annotations

import following_mass as toy
import numpy as np
import pytest

from resonaut.detect import classify


@pytest.fixture(scope="module")
def made() -> toy.Following:
    return toy.Following(12_000, 160)


@pytest.fixture(scope="module")
def scores(made):
    return toy.fitted_scores("curtains", made.data())


def test_signal_is_found_where_features_follow_the_mass(made, scores) -> None:
    assert toy.separation(scores, made) > 0.95


def test_thresholds_of_the_side_bands_hold_in_the_signal_region(made, scores) -> None:
    background = (made.data().regions[0] == 1) & ~made.truth
    count = (toy.selected(scores, made, 0.2) & background).sum()
    assert abs(count - 0.2 * background.sum()) < 4 * np.sqrt(0.2 * background.sum())


def test_template_is_the_side_bands_of_the_other_folds_at_masses_of_the_signal_region(
    monkeypatch, made
) -> None:
    seen = {}

    def spy(table, tasks, *more, **named):
        seen.update(table=table, tasks=tasks)
        return real(table, tasks, *more, **named)

    real = classify.fit_classifiers
    monkeypatch.setattr(classify, "fit_classifiers", spy)
    data = made.data()
    scores = toy.fitted_scores("curtains", data, training={"epochs": 1})
    mean = toy.mean_at(data.mass[(data.regions[0] == 1) & ~made.truth]).mean(0)
    for task in seen["tasks"]:
        own = task.target == 1
        inside, outside = (
            np.flatnonzero((data.regions[0] == value) & (scores.fold != task.fold)) for value in (1, 0)
        )
        np.testing.assert_array_equal(task.rows[own], inside)
        np.testing.assert_array_equal(task.part[~own], np.repeat(scores.fold[outside], 2))
        template = seen["table"][task.rows[~own]]
        # Both side bands arrive at the signal region's mean, from means that are 3.2 away from each other.
        upper = np.repeat(data.mass[outside] > 3500, 2)
        for band in (upper, ~upper):
            np.testing.assert_allclose(template[band].mean(0), mean, atol=0.3)
        np.testing.assert_allclose(np.cov(template.T), toy.covariance(), atol=0.4)


def test_an_event_is_carried_to_a_mass_that_its_hash_picks_and_not_its_place(made, scores) -> None:
    from resonaut import registry

    detector = registry.build(
        "detect", "curtains", {**toy.SETTINGS, "flow": toy.FLOW, "training": {"epochs": 2}}
    )
    data = made.data()
    fitted = detector.fit(data, toy.CONTEXT)
    rows = np.arange(len(data))[::-3]
    some, all_ = fitted.score(data.take(rows)), fitted.score(data)
    np.testing.assert_allclose(some.score, all_.score[:, rows], atol=1e-5)
