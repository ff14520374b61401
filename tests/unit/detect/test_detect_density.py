"""Density alone on toys: it is that of the background, finds what is rare, and is blind to what is not."""

from __future__ import annotations

import pytest
from scipy.stats import norm, spearmanr
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.errors import ConfigError

SETTINGS = {
    "features": ["first", "second"],
    "n_folds": 2,
    "flow": {
        "transforms": 2,
        "hidden": [24],
        "keep_epochs": 4,
        "training": {"epochs": 15, "batch_size": 128, "learning_rate": 4e-3, "patience": 6},
    },
}


@pytest.mark.parametrize("train_on", ["side_bands", "all"])
def test_score_is_minus_the_log_density_at_the_mass(train_on: str, toy, scan, context) -> None:
    made = toy(4000, 0)
    shift = 2 * (made.mass - 3500) / 1000
    made.features[:, 0] += shift
    data = made.data(scan)
    fitted = registry.build("detect", "density", {**SETTINGS, "train_on": train_on}).fit(data, context)
    scores = fitted.score(data)
    assert fitted.n_networks == (4 if train_on == "side_bands" else 2)
    truth = -norm.logpdf(made.features[:, 0], shift) - norm.logpdf(made.features[:, 1])
    for score, region in zip(scores.score, data.regions, strict=True):
        near = region >= 0
        # The mean difference is the divergence of the learnt from the true density.
        assert -0.03 < (score - truth)[near].mean() < 0.12
        assert spearmanr(score[near], truth[near]).statistic > 0.93


def test_finds_rare_events_and_not_an_excess_of_ordinary_ones(toy, scan, context) -> None:
    made = toy(3000, 60)
    detector = registry.build("detect", "density", SETTINGS)

    def auc() -> float:
        data = made.data(scan)
        score = detector.fit(data, context).score(data).score[0]
        inside = data.regions[0] == 1
        return roc_auc_score(made.truth[inside], score[inside])

    # exp(-(2^2 + 2^2) / 2): 98 % of the N(0, 1) background is less rare.
    assert auc() > 0.9
    made.features[made.truth] *= 0.1
    # At (0.2, 0.2) +- 0.03 the background is densest.
    assert auc() < 0.25


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"train_on: .*'side_bands' or 'all'"):
        registry.build("detect", "density", {"features": ["first"], "train_on": "sidebands"})
