"""CWoLa hunting on toys with a known answer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from resonaut import registry
from resonaut.detect.folds import feature_matrix
from resonaut.detect.interface import Context, Data, Scores
from resonaut.detect.methods.cwola import Settings, tasks
from resonaut.errors import BadValueError, ConfigError, EmptyWindowError
from resonaut.nn import ensemble
from resonaut.seeds import integer_seed
from resonaut.settings import validate

SETTINGS = {
    "features": ["first", "second"],
    "n_folds": 3,
    "n_restarts": 2,
    "hidden": [32, 32],
    "training": {"epochs": 20, "batch_size": 128, "learning_rate": 3e-3},
}


def run(settings: dict, data: Data, context: Context) -> Scores:
    return registry.build("detect", "cwola", settings).fit(data, context).score(data)


def _selected(score: np.ndarray, fold: np.ndarray, region: np.ndarray, efficiency: float) -> np.ndarray:
    """Events above the quantile of the side bands' scores, fold by fold."""
    passed = np.zeros(len(score), bool)
    for number in range(fold.max() + 1):
        own = fold == number
        passed[own] = score[own] > np.quantile(score[own & (region == 0)], 1 - efficiency)
    return passed


@pytest.mark.parametrize(
    "choice", [{"keep": "average"}, {"keep": "best"}, {"classifier": "trees"}, {"planing": True}]
)
def test_finds_an_injected_bump(choice: dict, toy, scan, context) -> None:
    made = toy(6000, 60)
    data = made.data(scan)
    scores = run({**SETTINGS, **choice}, data, context)
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
    scores = run(SETTINGS, data, context)
    for score, region in zip(scores.score, data.regions, strict=True):
        inside = region == 1
        count = (_selected(score, scores.fold, region, 0.1) & inside).sum()
        assert abs(count - 0.1 * inside.sum()) < 4 * np.sqrt(0.1 * inside.sum())


def test_no_task_holds_the_fold_that_it_scores(toy, scan, context) -> None:
    data = toy(2000, 0).data(scan)
    settings = validate(Settings, SETTINGS)
    fold = np.arange(2000) % 3
    found = tasks(data, fold, settings, context)
    assert [(task.name, task.fold) for task in found] == [
        (window.name, scored) for window in context.windows for scored in range(3)
    ]
    for number, task in enumerate(found):
        region = data.regions[number // 3]
        np.testing.assert_array_equal(task.rows, np.flatnonzero((region >= 0) & (fold != task.fold)))
        np.testing.assert_array_equal(task.target, region[task.rows])
        np.testing.assert_array_equal(task.weight, 1)
        # Restart 0 validates with the fold behind the scored one, restart 1 with the next.
        np.testing.assert_array_equal((task.fold + 1 + task.part) % 3, fold[task.rows])


def test_scores_of_the_first_version_stand(toy, scan, context) -> None:
    """The training of one window is written out here, in the ensemble's terms."""
    data = toy(900, 0).data(scan)
    first = dataclasses.replace(context, windows=context.windows[:1])
    alone = dataclasses.replace(data, regions=data.regions[:1])
    settings = {**SETTINGS, "training": {**SETTINGS["training"], "epochs": 3, "device": "cpu"}}
    scores = run(settings, alone, first)
    table = torch.from_numpy(feature_matrix(data, SETTINGS["features"], context))
    region, samples, members = data.regions[0], [], []
    for scored in range(3):
        for restart in range(2):
            validates = (scored + 1 + restart) % 3
            for chosen in ((scores.fold != scored) & (scores.fold != validates), scores.fold == validates):
                rows = np.flatnonzero(chosen & (region >= 0))
                counts = np.bincount(region[rows])
                samples.append(ensemble.Sample(rows, 1 / counts[region[rows]], region[rows]))
            names = ("detect", "toy", "data", "3300-3700", f"fold {scored}", f"restart {restart}")
            members.append(ensemble.Member(integer_seed(5, *names), len(samples) - 2, len(samples) - 1))
    training = validate(Settings, settings).training
    trained = ensemble.train(table, samples, members, (32, 32), "cross_entropy", training, average=True)
    for scored in range(3):
        rows = np.flatnonzero(scores.fold == scored)
        expected = trained.scores(table, [2 * scored, 2 * scored + 1], rows).mean(0)
        np.testing.assert_allclose(scores.score[0, rows], expected, atol=1e-6)


def test_window_with_too_few_events_names_count_minimum_and_key(toy, scan, context) -> None:
    made = toy(2000, 0)
    made.mass[(made.mass > 3800) & (made.mass < 4200)] = 3000.0
    made.mass[:7] = 4000.0
    with pytest.raises(
        EmptyWindowError,
        match=r"scan\.windows\[1\] \(3800-4200 GeV\): its signal region holds 7 events .* at least 50 are",
    ):
        run(SETTINGS, made.data(scan), context)
    made.mass[:] = 3500.0
    with pytest.raises(EmptyWindowError, match=r"scan\.windows\[0\] .*: its side bands hold 0 events"):
        run(SETTINGS, made.data(scan), context)


def test_fold_without_a_class_is_named(toy, scan, context) -> None:
    made = toy(400, 0)
    made.mass[(made.mass > 3800) & (made.mass < 4200)] = 3000.0
    made.mass[0] = 4000.0
    with pytest.raises(EmptyWindowError, match=r"3800-4200 GeV\): 0 events of the signal region and \d+ of"):
        run({**SETTINGS, "min_events": 1}, made.data(scan), context)


def test_constant_feature_is_named(toy, scan, context) -> None:
    made = toy(1500, 0)
    made.features[:, 1] = 3.0
    with pytest.raises(BadValueError, match=r"detect\.toy\.features: 'second' is 3 in all 1500 events"):
        run(SETTINGS, made.data(scan), context)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": []}, "features"),
        ({"features": ["first", "first"]}, "a feature is named twice"),
        ({"n_folds": 2}, "n_folds: .*greater than or equal to 3"),
        ({"n_restart": 4}, "Did you mean 'n_restarts'"),
        ({"features": ["first", "label"]}, "'label' is the truth of an event"),
        ({"classifier": "trees", "decorrelation": {"disco": 1}}, r"decorrelation\.disco: .* planing: true"),
        ({"decorrelation": {"disco": -1}}, r"decorrelation\.disco: .*greater than or equal to 0"),
    ],
)
def test_settings_are_checked(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.build("detect", "cwola", {**SETTINGS, **change})
