"""Several mixtures at once: equal to one by one; and what is learnt from where not all events are scored."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest

from resonaut import registry
from resonaut.detect.folds import folds
from resonaut.detect.interface import Context, fit_each
from resonaut.detect.methods.cwola import Settings, scored_fold, tasks
from resonaut.scan import ScanSettings
from resonaut.settings import validate

SETTINGS = {
    "features": ["first", "second"],
    "n_folds": 3,
    "n_restarts": 2,
    "hidden": [16],
    "networks_per_batch": 7,
    "training": {"epochs": 3, "batch_size": 128, "learning_rate": 1e-3, "device": "cpu"},
}


def several(toy, scan: ScanSettings, context: Context) -> tuple[list, list[Context]]:
    """Three mixtures of different sizes."""
    datas = [toy(n, 10, seed).data(scan) for seed, n in enumerate((900, 1300, 1000))]
    return datas, [dataclasses.replace(context, mixture=f"data:null:{index}") for index in range(3)]


@pytest.mark.parametrize(
    "choice",
    [{}, {"split": "half"}, {"split": "none"}, {"decorrelation": {"disco": 1.0}}, {"classifier": "trees"}],
)
def test_together_is_one_by_one(choice: dict, toy, scan, context) -> None:
    detector = registry.build("detect", "cwola", {**SETTINGS, **choice})
    datas, contexts = several(toy, scan, context)
    together = list(fit_each(detector, datas, contexts))
    for (data, fitted), given, own in zip(together, datas, contexts, strict=True):
        assert data is given
        alone = detector.fit(data, own)
        assert fitted.n_networks == alone.n_networks
        np.testing.assert_allclose(fitted.history.train_loss, alone.history.train_loss, rtol=1e-5)
        found, expected = fitted.score(data), alone.score(data)
        np.testing.assert_array_equal(found.fold, expected.fold)
        np.testing.assert_allclose(found.score, expected.score, atol=1e-5)
    # Seeds come from the name of the mixture.
    again = detector.fit(datas[0], contexts[1]).score(datas[0]).score
    if "classifier" not in choice:
        assert not np.array_equal(again, together[0][1].score(datas[0]).score)


def test_a_detector_that_cannot_is_fitted_as_they_come(toy, scan, context) -> None:
    made = []

    class Plain:
        def fit(self, data, context):
            made.append(context.mixture)
            return len(data)

    datas, contexts = several(toy, scan, context)
    found = fit_each(Plain(), iter(datas), contexts)
    assert next(found)[1] == 910
    assert made == ["data:null:0"]
    assert [size for _, size in found] == [1310, 1010]


def test_a_half_learns_from_the_other(toy, scan, context) -> None:
    data = toy(2000, 0).data(scan)
    settings = validate(Settings, {**SETTINGS, "split": "half"})
    fold = scored_fold(data, context, settings)
    assert abs((fold == 0).sum() - 1000) < 5 * np.sqrt(500)
    parts = folds(data, context, 3, "part")
    found = tasks(data, fold, settings, context)
    assert [(task.name, task.fold) for task in found] == [(window.name, 0) for window in context.windows]
    for task, region in zip(found, data.regions, strict=True):
        np.testing.assert_array_equal(task.rows, np.flatnonzero((region >= 0) & (fold == -1)))
        np.testing.assert_array_equal((task.part + 1) % 3, parts[task.rows])


def test_nothing_is_left_out(toy, scan, context, caplog: pytest.LogCaptureFixture) -> None:
    """Events that were trained on look like signal: of noise 10 % are kept in side bands, and more inside."""
    data = toy(6000, 0).data(scan)
    settings = {**SETTINGS, "n_restarts": 2, "hidden": [64, 64]}
    settings["training"] = {"epochs": 40, "batch_size": 128, "learning_rate": 5e-3, "device": "cpu"}
    excess = {}
    for split in ("none", "half"):
        with caplog.at_level(logging.WARNING):
            fitted = registry.build("detect", "cwola", {**settings, "split": split}).fit(data, context)
        scores = fitted.score(data)
        scored, region = scores.fold == 0, data.regions[0]
        limit = np.quantile(scores.score[0, scored & (region == 0)], 0.9)
        inside = scored & (region == 1)
        kept, expected = (scores.score[0, inside] > limit).sum(), 0.1 * inside.sum()
        excess[split] = (kept - expected) / np.sqrt(expected)
        assert ("Its p-values are wrong" in caplog.text) == (split == "none" or "half" in excess)
    assert excess["none"] > 3.5
    assert abs(excess["half"]) < 3
