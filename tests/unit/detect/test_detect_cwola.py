"""CWoLa hunting on toys with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from resonaut import registry
from resonaut.detect.methods.cwola import _plan
from resonaut.errors import BadValueError, ConfigError, EmptyWindowError
from resonaut.settings import validate

SETTINGS = {
    "features": ["first", "second"],
    "n_folds": 3,
    "n_restarts": 2,
    "hidden": [32, 32],
    "training": {"epochs": 20, "batch_size": 128, "learning_rate": 3e-3},
}


def _selected(score: np.ndarray, fold: np.ndarray, region: np.ndarray, efficiency: float) -> np.ndarray:
    """Events above the quantile of the side bands' scores, fold by fold."""
    passed = np.zeros(len(score), bool)
    for number in range(fold.max() + 1):
        own = fold == number
        passed[own] = score[own] > np.quantile(score[own & (region == 0)], 1 - efficiency)
    return passed


@pytest.mark.parametrize("keep", ["average", "best"])
def test_finds_an_injected_bump(keep: str, toy, scan, context) -> None:
    made = toy(6000, 60)
    data = made.data(scan)
    scores = registry.build("detect", "cwola", {**SETTINGS, "keep": keep}).score(data, context)
    region = data.regions[0]
    passed = _selected(scores.score[0], scores.fold, region, 0.02)
    inside = region == 1
    background = (passed & inside & ~made.truth).sum()
    signal = (passed & inside & made.truth).sum()
    expected = 0.02 * (inside & ~made.truth).sum()
    # 2 % of the N(0, 1) background and most of the signal at (2, 2) +- 0.3.
    assert background < expected + 5 * np.sqrt(expected) + 15
    assert signal > 0.7 * (inside & made.truth).sum()
    # The other window holds no signal: its side bands do, and must not be called signal.
    other = _selected(scores.score[1], scores.fold, data.regions[1], 0.02)
    n_other = (data.regions[1] == 1).sum()
    assert (other & (data.regions[1] == 1)).sum() < 0.02 * n_other + 4 * np.sqrt(0.02 * n_other)


def test_null_is_flat(toy, scan, context) -> None:
    data = toy(6000, 0).data(scan)
    scores = registry.build("detect", "cwola", SETTINGS).score(data, context)
    for score, region in zip(scores.score, data.regions, strict=True):
        inside = region == 1
        count = (_selected(score, scores.fold, region, 0.1) & inside).sum()
        assert abs(count - 0.1 * inside.sum()) < 4 * np.sqrt(0.1 * inside.sum())


def test_no_network_trains_or_validates_on_the_fold_that_it_scores(toy, scan, context) -> None:
    data = toy(2000, 0).data(scan)
    settings = validate(registry.load("detect", "cwola").Settings, {**SETTINGS, "n_restarts": 5})
    fold = np.arange(2000) % 3
    samples, members, scored_by = _plan(data, fold, settings, context)
    assert scored_by.shape == (2, 3, 5)
    assert len({member.seed for member in members}) == len(members) == 30
    for window, of_window in enumerate(scored_by):
        for scored, of_fold in enumerate(of_window):
            for number in of_fold:
                train, validation = (
                    samples[part] for part in (members[number].train, members[number].validation)
                )
                assert set(fold[train.rows]) | set(fold[validation.rows]) == {0, 1, 2} - {scored}
                assert not set(train.rows) & set(validation.rows)
                for sample in (train, validation):
                    region = data.regions[window][sample.rows]
                    np.testing.assert_array_equal(sample.target, region)
                    sums = np.bincount(region, weights=sample.weight)
                    np.testing.assert_allclose(sums, [1, 1])
            # The validating fold rotates with the restart.
            validating = {int(fold[samples[members[n].validation].rows[0]]) for n in of_fold}
            assert validating == {0, 1, 2} - {scored}


def test_seeds_come_from_names_not_positions(toy, scan, context) -> None:
    import dataclasses

    data = toy(2000, 0).data(scan)
    settings = validate(registry.load("detect", "cwola").Settings, SETTINGS)
    fold = np.arange(2000) % 3
    _, members, _ = _plan(data, fold, settings, context)
    second = dataclasses.replace(context, windows=context.windows[1:])
    alone = dataclasses.replace(data, regions=data.regions[1:])
    _, of_second, _ = _plan(alone, fold, settings, second)
    assert [member.seed for member in of_second] == [member.seed for member in members[6:]]


def test_window_with_too_few_events_names_count_minimum_and_key(toy, scan, context) -> None:
    made = toy(2000, 0)
    made.mass[(made.mass > 3800) & (made.mass < 4200)] = 3000.0
    made.mass[:7] = 4000.0
    with pytest.raises(
        EmptyWindowError,
        match=r"scan\.windows\[1\] \(3800-4200 GeV\): its signal region holds 7 events .* at least 50 are",
    ):
        registry.build("detect", "cwola", SETTINGS).score(made.data(scan), context)
    made.mass[:] = 3500.0
    with pytest.raises(EmptyWindowError, match=r"scan\.windows\[0\] .*: its side bands hold 0 events"):
        registry.build("detect", "cwola", SETTINGS).score(made.data(scan), context)


def test_fold_without_a_class_is_named(toy, scan, context) -> None:
    made = toy(400, 0)
    made.mass[(made.mass > 3800) & (made.mass < 4200)] = 3000.0
    made.mass[0] = 4000.0
    with pytest.raises(EmptyWindowError, match=r"3800-4200 GeV\): 0 events of the signal region and \d+ of"):
        registry.build("detect", "cwola", {**SETTINGS, "min_events": 1}).score(made.data(scan), context)


def test_constant_feature_is_named(toy, scan, context) -> None:
    made = toy(1500, 0)
    made.features[:, 1] = 3.0
    with pytest.raises(BadValueError, match=r"detect\.toy\.features: 'second' is 3 in all 1500 events"):
        registry.build("detect", "cwola", SETTINGS).score(made.data(scan), context)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": []}, "features"),
        ({"features": ["first", "first"]}, "a feature is named twice"),
        ({"n_folds": 2}, "n_folds: .*greater than or equal to 3"),
        ({"n_restart": 4}, "Did you mean 'n_restarts'"),
    ],
)
def test_settings_are_checked(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.build("detect", "cwola", {**SETTINGS, **change})
