"""LaCATHODE: finds the signal and leaves the mass spectrum as it is."""

from __future__ import annotations

import following_mass as toy
import numpy as np
import pytest


@pytest.fixture(scope="module")
def made() -> toy.Following:
    return toy.Following(12_000, 160)


@pytest.fixture(scope="module")
def scores(made):
    return toy.fitted_scores("lacathode", made.data())


def test_signal_is_found_where_features_follow_the_mass(made, scores) -> None:
    assert toy.separation(scores, made) > 0.95


def test_selection_does_not_sculpt_as_classifiers_of_the_features_do(made, scores) -> None:
    # 4 of the statistical error, 0.016 for 1360 selected among 6800.
    assert toy.sculpting(scores, made) < 0.09
    for method in ("cathode", "cwola"):
        assert toy.sculpting(toy.fitted_scores(method, made.data()), made) > 0.3


def test_thresholds_of_the_side_bands_hold_in_the_signal_region(made, scores) -> None:
    background = (made.data().regions[0] == 1) & ~made.truth
    count = (toy.selected(scores, made, 0.2) & background).sum()
    # The flow's own error adds to the statistical one of 13 events.
    assert abs(count - 0.2 * background.sum()) < 4 * np.sqrt(0.2 * background.sum())


def test_null_is_not_sculpted() -> None:
    null = toy.Following(12_000, 0, seed=5)
    assert toy.sculpting(toy.fitted_scores("lacathode", null.data()), null) < 0.1


def test_scores_depend_on_the_mass_where_features_follow_it(made) -> None:
    import dataclasses

    from resonaut import registry

    detector = registry.build(
        "detect", "lacathode", {**toy.SETTINGS, "flow": toy.FLOW, "training": {"epochs": 2}}
    )
    data = made.data()
    fitted = detector.fit(data, toy.CONTEXT)
    moved = dataclasses.replace(data, mass=np.clip(data.mass + 100, None, 5000))
    # The same features at another mass are other latent variables.
    assert (fitted.score(moved).score[0] != fitted.score(data).score[0])[data.regions[0] == 1].mean() > 0.9
