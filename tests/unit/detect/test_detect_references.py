"""References: supervised, idealised, cuts and a random score."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import kstest, norm

from resonaut import registry
from resonaut.detect.classify_pool import outside_the_mixture, pool
from resonaut.detect.methods import iad, supervised
from resonaut.errors import BadValueError, ConfigError, EmptyWindowError
from resonaut.settings import validate

SETTINGS = {
    "features": ["first", "second"],
    "n_folds": 3,
    "n_restarts": 2,
    "hidden": [16],
    "training": {"epochs": 10, "batch_size": 128, "learning_rate": 5e-3, "device": "cpu"},
}
SUPERVISED = {**SETTINGS, "signal": ["wprime"], "background": ["qcd"]}
IAD = {**SETTINGS, "background": ["qcd"]}


def auc(score: np.ndarray, truth: np.ndarray) -> float:
    """Probability that a signal event has the higher score."""
    order = np.argsort(np.argsort(score))
    n = truth.sum()
    return (order[truth].sum() - n * (n - 1) / 2) / (n * (~truth).sum())


@pytest.mark.parametrize("in_window", [False, True])
def test_supervised_reaches_the_best_that_the_toy_allows(in_window: bool, toy, scan, context) -> None:
    made = toy(6000, 3000)
    made.mass[made.truth] = np.random.default_rng(2).uniform(3300, 4200, 3000)
    data = made.sampled(scan)
    fitted = registry.build("detect", "supervised", {**SUPERVISED, "in_window": in_window}).fit(data, context)
    assert fitted.n_networks == (12 if in_window else 6)
    score = fitted.score(data).score
    # N(0, 1) against N(2, 0.3) in two dimensions: the ratio of the densities is the best score.
    first, second = (data.features[name] for name in ("first", "second"))
    best = sum(norm.logpdf(x, 2, 0.3) - norm.logpdf(x) for x in (first, second))
    inside = data.regions[0] == 1
    assert auc(score[0, inside], data.is_signal[inside]) > auc(best[inside], data.is_signal[inside]) - 0.005
    if not in_window:
        np.testing.assert_array_equal(score[0], score[1])


def test_supervised_learns_from_labels_out_of_fold(toy, scan, context) -> None:
    data = toy(900, 400).sampled(scan)
    settings = validate(supervised.Settings, {**SUPERVISED, "in_window": True})
    events = pool([data.samples["wprime"], data.samples["qcd"]], settings.features, context, 3)
    found = supervised.tasks(events, events.source == 0, settings, context)
    assert [(task.name, task.fold) for task in found][:4] == [
        *(("3300-3700", scored) for scored in range(3)),
        ("3800-4200", 0),
    ]
    for number, task in enumerate(found):
        inside = events.regions[number // 3] == 1
        np.testing.assert_array_equal(task.rows, np.flatnonzero(inside & (events.fold != task.fold)))
        np.testing.assert_array_equal(task.target, events.source[task.rows] == 0)
        # The fold of a row is that of the event in the mixture.
        assert set(task.part) == {0, 1}


def test_idealised_detector_compares_data_with_background_outside_the_mixture(toy, scan, context) -> None:
    data = toy(6000, 150).sampled(scan)
    settings = validate(iad.Settings, {**IAD, "min_events": 5})
    events = pool([data, *outside_the_mixture(data, ["qcd"])], settings.features, context, 3)
    for number, task in enumerate(iad.tasks(events, settings, context)):
        assert (events.regions[number // 3][task.rows] == 1).all()
        assert (events.fold[task.rows] != task.fold).all()
        np.testing.assert_array_equal(task.target == 1, task.rows < len(data))
    # Half of the background is left for the comparison.
    assert (events.source == 1).sum() == (~data.samples["qcd"].in_mixture).sum() == 3000
    score = registry.build("detect", "iad", {**IAD, "min_events": 5}).fit(data, context).score(data).score[0]
    inside = data.regions[0] == 1
    assert auc(score[inside], data.is_signal[inside]) > 0.75


def test_background_that_the_mixture_holds_whole_is_refused(toy, scan, context) -> None:
    data = toy(3000, 100).sampled(scan)
    sample = data.samples["qcd"]
    whole = dataclasses.replace(sample, in_mixture=np.ones(len(sample), bool))
    data = dataclasses.replace(data, samples={"qcd": whole})
    message = r"\(3300-3700 GeV\): its signal region holds 0 events of qcd outside mixture 'data', at"
    with pytest.raises(EmptyWindowError, match=message):
        registry.build("detect", "iad", IAD).fit(data, context)


def test_cuts_are_scaled_distances_to_the_nearest_edge(toy, scan, context) -> None:
    data = toy(4, 0).data(scan)
    data.features["first"] = np.array([0.1, 0.35, 0.5, 0.3])
    data.features["second"] = np.array([100.0, 150, 100, 90])
    cuts = [{"feature": "first", "high": 0.4}, {"feature": "second", "low": 80, "high": 120}]
    score = registry.build("detect", "cuts", {"cuts": cuts}).fit(data, context).score(data)
    # Units: 0.4, the edge; 20, half of the interval.
    np.testing.assert_allclose(score.score[0], [0.75, -1.5, -0.25, 0.25], rtol=1e-6)
    np.testing.assert_array_equal(score.score[1], score.score[0])
    np.testing.assert_array_equal(score.fold, np.zeros(4))
    np.testing.assert_array_equal(
        score.score[0] >= 0,
        (data.features["first"] <= 0.4) & (data.features["second"] >= 80) & (data.features["second"] <= 120),
    )
    data.features["first"][1] = np.inf
    with pytest.raises(BadValueError, match=r"detect\.toy\.features: 'first' is inf in 1 of 4 events"):
        registry.build("detect", "cuts", {"cuts": cuts}).fit(data, context)


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("cuts", {"cuts": []}, "cuts"),
        ("cuts", {"cuts": [{"feature": "first"}]}, "cut on 'first': give low, high, or both"),
        ("cuts", {"cuts": [{"feature": "first", "low": 2, "high": 1}]}, r"high \(1\) must exceed low \(2\)"),
        ("cuts", {"cuts": [{"feature": "first", "low": 0, "scale": 0}]}, "scale: .*greater than 0"),
        ("cuts", {"cuts": [{"feature": "label", "low": 1}]}, "'label' is the truth of an event"),
        ("supervised", {**SUPERVISED, "background": ["wprime"]}, "'wprime' is named as signal and as"),
        ("supervised", {**SETTINGS, "signal": ["wprime"]}, "background: this key is required"),
        ("iad", SETTINGS, "background: this key is required"),
        ("random_score", {"n_folds": 3}, "n_folds: unknown key"),
    ],
)
def test_settings_are_checked(method: str, settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.build("detect", method, settings)


def test_samples_are_declared() -> None:
    both = registry.build("detect", "supervised", SUPERVISED)
    assert both.needs.samples == ("wprime", "qcd") == tuple(both.settings.samples_used())
    assert not both.needs.labels
    assert registry.build("detect", "iad", IAD).needs.samples == ("qcd",)
    assert registry.build("detect", "cuts", {"cuts": [{"feature": "first", "low": 1}]}).needs.samples == ()


def test_a_random_score_is_uniform_and_belongs_to_the_event(toy, scan, context) -> None:
    data = toy(4000, 0).data(scan)
    detector = registry.build("detect", "random_score", {})
    scores = detector.fit(data, context).score(data)
    for window in scores.score:
        assert kstest(window, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(scores.score)[0, 1]) < 4 / np.sqrt(4000)
    assert abs(np.corrcoef(scores.score[0], data.mass)[0, 1]) < 4 / np.sqrt(4000)
    some = data.take(np.arange(7, 4000, 11))
    np.testing.assert_array_equal(detector.fit(some, context).score(some).score, scores.score[:, 7:4000:11])
