"""Classifiers of windows and folds: which rows, which weights, which seeds, and whose mean the score is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from resonaut.detect.classify import Classifiers, ClassifierSettings, Task, fit_classifiers
from resonaut.detect.classify_kinds import joined
from resonaut.detect.classify_plan import balanced, plan, random_halves
from resonaut.errors import EmptyWindowError
from resonaut.nn.ensemble import History
from resonaut.settings import validate

CLASSES = ("side bands", "signal region")


def settings_of(**more) -> ClassifierSettings:
    training = {"epochs": 15, "batch_size": 100, "learning_rate": 1e-2, "device": "cpu"}
    given = {"features": ["a", "b"], "n_folds": 3, "n_restarts": 2, "hidden": [16], "training": training}
    return validate(ClassifierSettings, {**given, **more})


def tasks_of(context, n: int = 900) -> tuple[np.ndarray, np.ndarray, list[Task]]:
    """Table, folds, and two windows that learn opposite things: x0 > 0, and x0 < 0."""
    random = np.random.default_rng(3)
    table = random.normal(size=(n, 2)).astype(np.float32)
    fold = np.arange(n) % 3
    tasks = []
    for sign, window in zip((1, -1), context.windows, strict=True):
        for scored in range(3):
            rows = np.flatnonzero(fold != scored)
            target = (sign * table[rows, 0] > 0).astype(np.int64)
            tasks.append(
                Task(window.name, scored, rows, target, np.ones(len(rows)), (fold[rows] - scored - 1) % 3)
            )
    return table, fold, tasks


@pytest.mark.parametrize("kind", ["network", "trees"])
def test_each_window_and_fold_is_scored_by_its_own_task(kind: str, context) -> None:
    table, fold, tasks = tasks_of(context)
    # Fold 0 of the first window learns nonsense: only its events may show it.
    tasks[0] = dataclasses.replace(tasks[0], target=1 - tasks[0].target)
    fitted = fit_classifiers(table, tasks, settings_of(classifier=kind), context)
    score = fitted.score(table, fold)
    assert score.shape == (2, 900)
    assert score.dtype == np.float32
    truth = table[:, 0] > 0
    for window, sign in enumerate((True, False)):
        for number in range(3):
            own = fold == number
            right = ((score[window, own] > 0.5) == (truth[own] == sign)).mean()
            assert right < 0.1 if (window, number) == (0, 0) else right > 0.9
    assert fitted.n_networks == 12 == len(fitted.history.best_epoch)
    assert fitted.n_parameters > 0
    np.testing.assert_allclose(
        fitted.score_by(context.windows[1].name, 2, table[2::3]), score[1, 2::3], atol=1e-6
    )


@pytest.mark.parametrize("kind", ["network", "trees"])
def test_a_task_alone_is_the_task_among_others(kind: str, context) -> None:
    table, _, tasks = tasks_of(context)
    settings = settings_of(classifier=kind)
    name = tasks[4].name
    together = fit_classifiers(table, tasks, settings, context).score_by(name, 1, table)
    alone = fit_classifiers(table, tasks[4:5], settings, context).score_by(name, 1, table)
    np.testing.assert_allclose(alone, together, atol=1e-5)
    other = fit_classifiers(table, tasks[4:5], settings, context, stage="again").score_by(name, 1, table)
    assert np.abs(other - together).max() > 1e-3


def test_the_score_is_the_mean_of_the_restarts() -> None:
    class Constant:
        history, n_parameters = None, 3

        def scores(self, table, members, rows):
            return np.repeat(np.array(members, np.float32)[:, None], len(rows), axis=1)

    fitted = Classifiers(("low", "high"), np.array([[0, 2], [3, 1]]), 4, Constant())
    score = fitted.score(np.zeros((5, 1), np.float32), np.array([0, 1, 1, 0, 0]))
    # Members of task t are 4 t to 4 t + 3.
    np.testing.assert_array_equal(score, [[1.5, 9.5, 9.5, 1.5, 1.5], [13.5, 5.5, 5.5, 13.5, 13.5]])
    assert fitted.n_networks == 16


def test_parts_validate_in_turn_and_equal_samples_are_held_once(context) -> None:
    fold = np.arange(1000) % 5
    tasks = []
    for scored in range(5):
        rows = np.flatnonzero(fold != scored)
        part = (fold[rows] - scored - 1) % 5
        tasks.append(Task("3300-3700", scored, rows, rows // 5 % 2, np.ones(800), part))
    seeds = [[10 * scored + restart for restart in range(6)] for scored in range(5)]
    samples, members = plan(tasks, seeds, CLASSES, context)
    assert [member.seed for member in members] == [seed for each in seeds for seed in each]
    for number, member in enumerate(members):
        scored, restart = divmod(number, 6)
        validates = (scored + 1 + restart % 4) % 5
        assert set(fold[samples[member.validation].rows]) == {validates}
        assert set(fold[samples[member.train].rows]) == set(range(5)) - {scored, validates}
    # 10 pairs of folds that are left out, and 5 folds that validate.
    assert len(samples) == 15


def test_halves_are_random_disjoint_and_complete(context) -> None:
    rows = np.arange(100, 700)
    task = Task("3300-3700", 0, rows, rows % 2, np.ones(600), np.zeros(600, int))
    found = list(random_halves([task], [[1, 2]], CLASSES, context))
    assert [seed for seed, *_ in found] == [1, 2]
    for _, first, second in found:
        np.testing.assert_array_equal(np.sort(np.concatenate([first.rows, second.rows])), rows)
        assert abs(len(first.rows) - 300) < 4 * np.sqrt(150)
    assert set(found[0][1].rows) != set(found[1][1].rows)


def test_classes_weigh_the_same_and_weights_keep_their_ratios(context) -> None:
    weight = np.array([1.0, 3.0, 2.0, 2.0, 5.0])
    task = Task("3300-3700", 0, np.arange(5) + 7, np.array([0, 0, 1, 1, 1]), weight, np.zeros(5, int))
    sample = balanced(task, np.array([0, 1, 2, 4]), CLASSES, context)
    np.testing.assert_array_equal(sample.rows, [7, 8, 9, 11])
    np.testing.assert_allclose(sample.weight, [0.25, 0.75, 2 / 7, 5 / 7])


@pytest.mark.parametrize(
    ("name", "where"), [("3300-3700", r"scan\.windows \(3300-3700 GeV\)"), ("all windows", r"detect\.toy")]
)
def test_a_class_without_weight_is_named(name: str, where: str, context) -> None:
    task = Task(name, 0, np.arange(4), np.array([0, 0, 1, 1]), np.array([1.0, 1, 0, 0]), np.zeros(4, int))
    message = rf"^{where}: 0 events of the signal region and 2 of the side bands, with weights above 0"
    with pytest.raises(EmptyWindowError, match=message):
        balanced(task, np.arange(4), CLASSES, context)


def test_histories_of_two_trainings_are_one() -> None:
    first = History(np.array([[3.0, 2.0]]), np.array([[3.5, 2.5]]), np.array([1]))
    second = History(np.array([[1.0], [4.0]]), np.array([[1.5], [4.5]]), np.array([0, 0]))
    both = joined([first, second])
    np.testing.assert_array_equal(both.train_loss, [[3, 2], [1, np.nan], [4, np.nan]])
    np.testing.assert_array_equal(both.validation_loss, [[3.5, 2.5], [1.5, np.nan], [4.5, np.nan]])
    np.testing.assert_array_equal(both.best_epoch, [1, 0, 0])
