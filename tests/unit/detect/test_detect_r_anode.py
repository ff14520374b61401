"""R-ANODE on toys: the fraction and the density of the signal, and nothing where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.errors import ConfigError

SETTINGS = {
    "features": ["first", "second"],
    "n_folds": 2,
    "fraction_start": 0.05,
    "flow": {
        "transforms": 2,
        "hidden": [24],
        "keep_epochs": 4,
        "training": {"epochs": 20, "batch_size": 128, "learning_rate": 4e-3, "patience": 6},
    },
}


def test_finds_the_bump_its_fraction_and_its_features(toy, scan, context) -> None:
    made = toy(4000, 120)
    # The first feature of the background follows the mass: the side bands' density must be interpolated.
    made.features[:, 0] += 2 * (made.mass - 3500) / 1000
    data = made.data(scan)
    fitted = registry.build("detect", "r_anode", SETTINGS).fit(data, context)
    scores = fitted.score(data)
    inside = data.regions[0] == 1
    assert roc_auc_score(made.truth[inside], scores.score[0, inside]) > 0.95
    true = made.truth[inside].mean()
    fractions = fitted.numerator.flows.fractions()[fitted.numerator.numbers[:, :, 0]]
    np.testing.assert_allclose(fractions[0], true, atol=0.6 * true)
    # What the signal's flow draws at 3.5 TeV lies at the signal, (2, 2), and not at (0, 0).
    drawn = fitted.numerator.flows.sample(fitted.numerator.numbers[0, 0, 0], np.full((1000, 1), 3.5), 1)
    np.testing.assert_allclose(np.median(drawn, axis=0), [2.0, 2.0], atol=0.7)


def test_without_a_bump_the_fraction_is_small_and_nothing_is_found(toy, scan, context) -> None:
    data = toy(4000, 0).data(scan)
    fitted = registry.build("detect", "r_anode", SETTINGS).fit(data, context)
    scores = fitted.score(data)
    for score, region in zip(scores.score, data.regions, strict=True):
        passed = np.zeros(len(score), bool)
        for fold in range(2):
            own = scores.fold == fold
            passed[own] = score[own] > np.quantile(score[own & (region == 0)], 0.9)
        n = (region == 1).sum()
        assert abs((passed & (region == 1)).sum() - 0.1 * n) < 4 * np.sqrt(0.1 * n)


@pytest.mark.parametrize("fraction", [0, 1])
def test_a_fraction_without_signal_or_background_is_refused(fraction: int) -> None:
    with pytest.raises(ConfigError, match="fraction_start"):
        registry.build("detect", "r_anode", {"features": ["first"], "fraction_start": fraction})
