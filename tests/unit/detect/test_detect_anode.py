"""ANODE on toys: a bump among features that follow the mass, and no bump."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.detect.flow_regions import FlowDetectorSettings, fit_region
from resonaut.detect.folds import feature_matrix, folds
from resonaut.errors import ConfigError, EmptyWindowError
from resonaut.settings import validate

SETTINGS = {
    "features": ["first", "second"],
    "n_folds": 2,
    "flow": {
        "transforms": 2,
        "hidden": [24],
        "keep_epochs": 4,
        "training": {"epochs": 20, "batch_size": 128, "learning_rate": 4e-3, "patience": 6},
    },
}


def _shifted(made) -> None:
    """The first feature follows the mass: two standard deviations per TeV."""
    made.features[:, 0] += 2 * (made.mass - 3500) / 1000


def test_finds_a_bump_whose_features_follow_the_mass(toy, scan, context) -> None:
    made = toy(4000, 120)
    _shifted(made)
    data = made.data(scan)
    fitted = registry.build("detect", "anode", SETTINGS).fit(data, context)
    scores = fitted.score(data)
    assert fitted.n_networks == 2 * 2 * 2
    assert fitted.history.train_loss.shape == (8, 20)
    inside = data.regions[0] == 1
    # N(2, 0.3) of N(0, 1) in two dimensions: the likelihood ratio itself reaches 0.99.
    assert roc_auc_score(made.truth[inside], scores.score[0, inside]) > 0.93
    # Background of the side bands has the scores of background of the signal region, in each fold.
    for fold in range(2):
        background = (scores.fold == fold) & ~made.truth
        region, band = (scores.score[0, background & (data.regions[0] == value)] for value in (1, 0))
        assert ks_2samp(region, band).pvalue > 1e-3


def test_without_a_bump_selects_no_more_than_asked(toy, scan, context) -> None:
    made = toy(4000, 0)
    _shifted(made)
    data = made.data(scan)
    scores = registry.build("detect", "anode", SETTINGS).fit(data, context).score(data)
    for score, region in zip(scores.score, data.regions, strict=True):
        passed = np.zeros(len(score), bool)
        for fold in range(2):
            own = scores.fold == fold
            passed[own] = score[own] > np.quantile(score[own & (region == 0)], 0.9)
        n = (region == 1).sum()
        assert abs((passed & (region == 1)).sum() - 0.1 * n) < 4 * np.sqrt(0.1 * n)


def test_no_flow_trains_or_validates_on_the_fold_that_it_scores(toy, scan, context, monkeypatch) -> None:
    from resonaut.nn import flows

    data = toy(1500, 0).data(scan)
    settings = validate(FlowDetectorSettings, {**SETTINGS, "n_folds": 3, "n_restarts": 2})
    given = {}
    monkeypatch.setattr(flows, "fit_flows", lambda *arguments, **_: given.update(enumerate(arguments)))
    values = feature_matrix(data, settings.features, context)
    names = [window.name for window in context.windows]
    trained = fit_region(values, data, data.regions == 0, names, "side-band", settings, context)
    samples, members = given[2], given[3]
    fold = folds(data, context, 3)
    assert trained.numbers.shape == (2, 3, 2)
    assert len({member.seed for member in members}) == 12
    for window, scored, restart in np.ndindex(2, 3, 2):
        member = members[trained.numbers[window, scored, restart]]
        train, validation = samples[member.train].rows, samples[member.validation].rows
        together = np.sort(np.concatenate([train, validation]))
        np.testing.assert_array_equal(
            together, np.flatnonzero((data.regions[window] == 0) & (fold != scored))
        )
        assert 0.1 < len(validation) / len(together) < 0.3


def test_seeds_and_scores_of_a_window_do_not_depend_on_the_others(toy, scan, context) -> None:
    import dataclasses

    data = toy(1200, 0).data(scan)
    short = {**SETTINGS["flow"], "training": {"epochs": 2, "batch_size": 128}}
    detector = registry.build("detect", "anode", {**SETTINGS, "flow": short})
    both = detector.fit(data, context).score(data)
    second = dataclasses.replace(context, windows=context.windows[1:])
    alone = dataclasses.replace(data, regions=data.regions[1:])
    np.testing.assert_allclose(detector.fit(alone, second).score(alone).score[0], both.score[1], atol=1e-4)


def test_a_window_without_enough_events_is_named(toy, scan, context) -> None:
    made = toy(2000, 0)
    made.mass[(made.mass > 3800) & (made.mass < 4200)] = 3000.0
    made.mass[:7] = 4000.0
    with pytest.raises(EmptyWindowError, match=r"scan\.windows\[1\] .*holds 7 events .* at least 50 are"):
        registry.build("detect", "anode", SETTINGS).fit(made.data(scan), context)
    made.mass[1:7] = 3000.0
    detector = registry.build("detect", "anode", {**SETTINGS, "min_events": 1})
    with pytest.raises(EmptyWindowError, match=r"3800-4200 GeV\): no event is left to \w+ the signal-region"):
        detector.fit(made.data(scan), context)


def test_there_is_one_training() -> None:
    training = {"epochs": 7, "patience": 3}
    for given in ({"training": training}, {"flow": {"training": training}}):
        settings = validate(FlowDetectorSettings, {"features": ["first"], **given})
        assert settings.training == settings.flow.training
        assert settings.training.epochs == 7
        again = validate(FlowDetectorSettings, settings.model_dump(mode="json"))
        assert again == settings
    with pytest.raises(ConfigError, match=r"training and flow\.training differ"):
        validate(
            FlowDetectorSettings,
            {"features": ["first"], "training": training, "flow": {"training": {"epochs": 8}}},
        )
