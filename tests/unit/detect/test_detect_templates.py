"""Background templates: masses, random numbers, and what a flow of the side bands makes of them."""

from __future__ import annotations

import dataclasses

import following_mass as toy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, kstest

from resonaut import registry
from resonaut.detect import background, masses, templates
from resonaut.detect.folds import feature_matrix, folds
from resonaut.errors import ConfigError, EmptyWindowError
from resonaut.nn import flows
from resonaut.scan import Window
from resonaut.seeds import mix64
from resonaut.settings import validate

WINDOW = Window(low=3300, high=3700)
HASHES = mix64(np.arange(40_000, dtype=np.uint64))


def _settings(**more: object) -> templates.TemplateSettings:
    return validate(templates.TemplateSettings, {**toy.SETTINGS, "flow": toy.FLOW, **more}, "detect.toy")


def _logit(mass: np.ndarray) -> np.ndarray:
    share = (mass - 3300) / 400
    return np.log(share / (1 - share))


def test_kernel_has_its_width_in_the_logit_and_stays_in_the_window() -> None:
    mass = np.linspace(3301, 3699, 500)
    noise = masses.normals(HASHES[:500], 200, 3)
    made = masses.kernel_masses(mass, WINDOW, noise, 0.3)
    assert made.shape == (500, 200)
    assert ((made > 3300) & (made < 3700)).all()
    shift = _logit(made) - _logit(mass)[:, None]
    # Mean 0 +- 0.3 / sqrt(100000), variance 0.09 with a relative error of sqrt(2 / 100000).
    assert abs(shift.mean()) < 4 * 0.3 / np.sqrt(1e5)
    assert shift.var() == pytest.approx(0.09, rel=4 * np.sqrt(2e-5))
    np.testing.assert_allclose(masses.kernel_masses(mass, WINDOW, noise, 0)[:, 0], mass, rtol=1e-12)


def test_masses_on_an_edge_stay_inside() -> None:
    made = masses.kernel_masses(np.array([3300.0, 3700.0]), WINDOW, np.full((2, 1), 8.0), 0.01)
    assert (made > 3300).all()
    assert (made < 3700).all()


def test_numbers_of_a_hash_are_normal_and_do_not_depend_on_the_other_events() -> None:
    numbers = masses.normals(HASHES, 6, 17)
    assert kstest(numbers.ravel(), "norm").pvalue > 1e-3
    # 21 correlations of 40000 events have a spread of 1 / 200; 4 of them are 0.02.
    correlation = np.corrcoef(np.concatenate([numbers, masses.normals(HASHES, 2, 18)], axis=1).T)
    assert np.abs(correlation - np.eye(8)).max() < 0.021
    np.testing.assert_array_equal(masses.normals(HASHES[::-1], 3, 17), numbers[::-1, :3])
    uniform = masses.uniforms(HASHES, 6, 17)
    assert 0 < uniform.min() < uniform.max() < 1


@given(st.integers(0, 2**63 - 1), st.integers(1, 4), st.floats(0, 0.5))
def test_picked_masses_are_those_of_the_pool_in_any_order(seed: int, copies: int, width: float) -> None:
    pool = 3300 + 400 * np.random.default_rng(1).beta(1, 2, 50)
    picked = masses.picked_masses(pool, HASHES[:100], copies, WINDOW, width, seed)
    assert picked.shape == (100, copies)
    assert ((picked > 3300) & (picked < 3700)).all()
    turned = masses.picked_masses(pool[::-1], HASHES[:100], copies, WINDOW, width, seed)
    np.testing.assert_array_equal(picked, turned)
    exact = masses.picked_masses(pool, HASHES[:100], copies, WINDOW, 0, seed)
    assert np.abs(exact[..., None] - pool).min(axis=2).max() < 1e-6


def test_picked_masses_follow_the_pool() -> None:
    pool = 3300 + 400 * np.random.default_rng(1).beta(1, 2, 3000)
    picked = masses.picked_masses(pool, HASHES[:5000], 2, WINDOW, 0.01, 5)
    assert ks_2samp(picked.ravel(), pool).pvalue > 1e-3


def test_draws_have_parents_of_the_other_folds_and_their_parts() -> None:
    data = toy.Following(3000, 50).data()
    fold = folds(data, toy.CONTEXT, 3)
    task = background.TaskName(0, "3300-3700", 1)
    draws = templates.draw(data, fold, task, _settings(oversampling=5), toy.CONTEXT)
    np.testing.assert_array_equal(draws.parents, np.flatnonzero((data.regions[0] == 1) & (fold != 1)))
    np.testing.assert_array_equal(draws.part, fold[np.repeat(draws.parents, 5)])
    shift = _logit(draws.mass) - _logit(data.mass[np.repeat(draws.parents, 5)])
    assert shift.std() == pytest.approx(0.01, rel=4 / np.sqrt(2 * len(shift)))
    # Other folds draw other masses for the same event.
    other = templates.draw(data, fold, dataclasses.replace(task, fold=0), _settings(), toy.CONTEXT)
    assert np.isin(other.parents, draws.parents).any()
    assert not np.isin(other.mass, draws.mass).any()


def test_target_masses_are_those_of_the_fold_of_the_event() -> None:
    data = toy.Following(3000, 50).data()
    fold = folds(data, toy.CONTEXT, 3)
    task = background.TaskName(0, "3300-3700", 2)
    inside, outside = (np.flatnonzero((data.regions[0] == value) & (fold != 2)) for value in (1, 0))
    settings = _settings(kde_bandwidth=0, oversampling=3)
    target = templates.target_masses(data, fold, task, inside, outside, settings, toy.CONTEXT)
    assert target.shape == (len(outside), 3)
    for part in (0, 1):
        pool = data.mass[inside[fold[inside] == part]]
        off = np.abs(target[fold[outside] == part].ravel()[:, None] - pool).min(axis=1)
        assert off.max() < 1e-6
    few = inside[fold[inside] == 0]
    with pytest.raises(EmptyWindowError, match=r"3300-3700 GeV\): fold 1 of 3 has no event in the signal"):
        templates.target_masses(data, fold, task, few, outside, settings, toy.CONTEXT)


def test_table_numbers_its_rows_and_states_the_targets() -> None:
    table = templates.Table()
    first, second = table.add(np.zeros((3, 2), np.float32)), table.add(np.ones((4, 2), np.float32))
    task = background.TaskName(0, "3300-3700", 2)
    table.add_task(task, (first[[0, 2]], np.array([0, 1])), (second, np.array([0, 0, 1, 1])))
    (made,) = table.tasks
    np.testing.assert_array_equal(table.rows[made.rows, 0], made.target == 0)
    np.testing.assert_array_equal(made.rows, [0, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(made.target, [1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(made.part, [0, 1, 0, 0, 1, 1])
    assert (made.name, made.fold) == ("3300-3700", 2)


@pytest.fixture(scope="module")
def learnt() -> tuple[toy.Following, np.ndarray, background.Background]:
    made = toy.Following(16_000, 0, seed=3)
    data = made.data()
    fold = folds(data, toy.CONTEXT, 3)
    features = feature_matrix(data, ("first", "second"), toy.CONTEXT)
    return made, fold, background.fit_background(features, data, fold, _settings(), toy.CONTEXT)


def test_template_has_the_moments_of_the_background_that_it_did_not_see(learnt) -> None:
    made, fold, flow = learnt
    data = made.data()
    for task in background.task_names(toy.CONTEXT, 3):
        draws = templates.draw(data, fold, task, _settings(), toy.CONTEXT)
        features = flow.sample(task, draws.mass, 11)
        assert features.dtype == np.float32
        residual = features - toy.mean_at(draws.mass)
        # About 3600 side-band events train each flow: the mean is known to 0.02 at their centre, and the
        # flow is allowed 0.2, 4 % of the change of the mean across the side bands; without the mass's
        # condition the deviation of the residual would be 1.9.
        assert np.abs(residual.mean(0)).max() < 0.2
        np.testing.assert_allclose(np.cov(residual.T), toy.covariance(), atol=0.25)
        # Within the signal region the mean follows the mass with the slope of the side bands.
        slope = np.polyfit((draws.mass - 3500) / 1000, features, 1)[0]
        np.testing.assert_allclose(slope, toy.SLOPE, atol=0.6)


def test_latent_variables_are_standard_normal_at_all_masses(learnt) -> None:
    made, fold, flow = learnt
    data, features = made.data(), made.features.astype(np.float32)
    for task in background.task_names(toy.CONTEXT, 3):
        for region in (0, 1):
            rows = np.flatnonzero((data.regions[0] == region) & (fold == task.fold))
            latent = flow.latent(task, features[rows], data.mass[rows])
            assert np.abs(latent.mean(0)).max() < 0.2
            np.testing.assert_allclose(np.cov(latent.T), np.eye(2), atol=0.3)


def test_transport_is_a_group(learnt) -> None:
    made, _, flow = learnt
    task = background.TaskName(0, "3300-3700", 0)
    rows = np.flatnonzero(made.data().regions[0] == 0)[:400]
    features, mass = made.features[rows].astype(np.float32), made.mass[rows]
    middle, end = (np.random.default_rng(seed).uniform(3300, 3700, 400) for seed in (0, 1))
    np.testing.assert_allclose(flow.transport(task, features, mass, mass), features, atol=2e-3)
    there = flow.transport(task, features, mass, middle)
    np.testing.assert_allclose(flow.transport(task, there, middle, mass), features, atol=2e-3)
    np.testing.assert_allclose(
        flow.transport(task, there, middle, end), flow.transport(task, features, mass, end), atol=2e-3
    )
    # Where the mean is linear and the width constant, the exact transport adds slope x change of the mass.
    moved = (there - features) - toy.mean_at(middle) + toy.mean_at(mass)
    assert np.abs(moved.mean(0)).max() < 0.15


def test_masses_beyond_the_side_bands_are_moved_to_their_edge(learnt) -> None:
    made, _, flow = learnt
    task = background.TaskName(0, "3300-3700", 1)
    features = made.features[:5].astype(np.float32)
    near = flow.latent(task, features, np.full(5, flow.high[1]))
    np.testing.assert_array_equal(flow.latent(task, features, np.full(5, 4900.0)), near)
    assert 2800 <= flow.low.min() < 2810
    assert 4190 < flow.high.max() < 4200


def test_flows_see_side_bands_of_other_folds_only(monkeypatch) -> None:
    seen = {}

    def spy(values, condition, samples, members, settings, **more):
        seen.update(samples=samples, members=members)

    monkeypatch.setattr(flows, "fit_flows", spy)
    data = toy.Following(2000, 0).data()
    fold = folds(data, toy.CONTEXT, 3)
    validates = folds(data, toy.CONTEXT, 5, "validation") == 0
    features = feature_matrix(data, ("first", "second"), toy.CONTEXT)
    background.fit_background(features, data, fold, _settings(), toy.CONTEXT)
    assert len({member.seed for member in seen["members"]}) == len(seen["members"]) == 3
    for scored, member in enumerate(seen["members"]):
        train, validation = (seen["samples"][number].rows for number in (member.train, member.validation))
        own = (data.regions[0] == 0) & (fold != scored)
        np.testing.assert_array_equal(train, np.flatnonzero(own & ~validates))
        np.testing.assert_array_equal(validation, np.flatnonzero(own & validates))
        assert 0.1 < len(validation) / own.sum() < 0.3


def test_fold_without_side_bands_is_named() -> None:
    data = toy.Following(200, 0).data()
    fold = np.where(data.regions[0] == 0, 0, np.arange(200) % 3)
    with pytest.raises(
        EmptyWindowError, match=r"3300-3700 GeV\): no side-band event is left to train the fl"
    ):
        background.fit_background(np.zeros((200, 2)), data, fold, _settings(), toy.CONTEXT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"oversampling": 0}, "oversampling: .*greater than or equal to 1"),
        ({"kde_bandwidth": -0.1}, "kde_bandwidth: .*greater than or equal to 0"),
        ({"over_sampling": 2}, "Did you mean 'oversampling'"),
        ({"features": ["first", "label"]}, "'label' is the truth of an event"),
    ],
)
@pytest.mark.parametrize("name", ["cathode", "lacathode", "curtains"])
def test_settings_are_checked(name: str, change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.build("detect", name, {"features": ["first", "second"], **change})
