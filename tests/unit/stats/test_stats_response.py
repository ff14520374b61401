"""Response of a score to changes of the events: closed forms of Gaussian scores, paired errors, distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, norm
from sklearn.metrics import roc_auc_score

from resonaut.stats import response_summary as summary
from resonaut.stats.response import (
    Classes,
    Sample,
    bin_edges,
    jensen_shannon,
    log_odds,
    measure,
    poisson_weights,
)

N = 20_000
RNG = np.random.default_rng(1)
SIGNAL, BACKGROUND = RNG.normal(2, 1, N), RNG.normal(0, 1, N)
KEYS = np.arange(2 * N, dtype=np.uint64).reshape(2, N)
EFFICIENCIES = (0.3, 0.5)


def classes(signal, background, keys=KEYS, weights=None):
    weights = np.ones((2, N)) if weights is None else weights
    return Classes(
        Sample(signal, keys[0][: len(signal)], weights[0][: len(signal)]),
        Sample(background, keys[1][: len(background)], weights[1][: len(background)]),
    )


def measured(n_replicas=60, seed=1, **varied):
    nominal = classes(SIGNAL, BACKGROUND)
    return measure(nominal, varied, EFFICIENCIES, n_replicas, seed, bin_edges(nominal))


@pytest.fixture(scope="module")
def shifted():
    """The background is 0.1 higher, or both are."""
    return measured(
        background=classes(SIGNAL, BACKGROUND + 0.1), both=classes(SIGNAL + 0.1, BACKGROUND + 0.1)
    )


def test_gaussian_scores(shifted):
    """Rejections 1 / (1 - Phi(t)), area Phi(distance / sqrt 2), in units of the errors that are given."""
    nominal = summary.of_nominal(shifted["nominal"], EFFICIENCIES, N)
    entry = summary.of_variation(shifted["nominal"], shifted["background"], EFFICIENCIES)
    area = norm.cdf([2 / np.sqrt(2), 1.9 / np.sqrt(2)])
    pairs = [(nominal["auc"], area[0]), (entry["auc"], area[1]), (entry["auc_change"], area[1] - area[0])]
    for at, varied in zip(nominal["at"], entry["at"], strict=True):
        t = 2 + norm.isf(at["efficiency"])
        before, after = norm.sf(t), norm.sf(t - 0.1)
        pairs += [(at["rejection"], 1 / before), (at["background_efficiency"], before)]
        pairs += [(varied["rejection"], 1 / after), (varied["rejection_change"], before / after - 1)]
        fixed = varied["fixed_threshold"]
        pairs.append((fixed["background_efficiency_change"], after / before - 1))
        assert at["threshold"] == pytest.approx(t, abs=0.03)
        assert fixed["signal_efficiency_change"] == {"value": 0.0, "error": 0.0}
    for found, wanted in pairs:
        assert abs(found["value"] - wanted) < 3.5 * found["error"], (found, wanted)
        assert found["error"] > 0


def test_a_common_shift_changes_efficiencies_and_no_rejection_at_the_same_efficiency(shifted):
    entry = summary.of_variation(shifted["nominal"], shifted["both"], EFFICIENCIES)
    assert entry["auc_change"] == {"value": 0.0, "error": 0.0}
    for at in entry["at"]:
        assert at["rejection_change"]["value"] == 0
        t = 2 + norm.isf(at["efficiency"])
        found = at["fixed_threshold"]["signal_efficiency_change"]
        wanted = norm.sf(t - 2.1) / at["efficiency"] - 1
        assert abs(found["value"] - wanted) < 3.5 * found["error"] + 1e-3


def test_errors_know_that_the_events_are_the_same():
    """Paired errors are much smaller than those of other events, which add up in quadrature."""
    keys = KEYS + np.uint64(10**9)
    found = measured(
        200, same=classes(SIGNAL, BACKGROUND + 0.1), other=classes(SIGNAL, BACKGROUND + 0.1, keys)
    )
    paired, unpaired = (
        summary.of_variation(found["nominal"], found[name], EFFICIENCIES) for name in ("same", "other")
    )
    assert paired["auc_change"]["value"] == unpaired["auc_change"]["value"]
    assert paired["auc_change"]["error"] < 0.2 * unpaired["auc_change"]["error"]
    nominal, varied = (summary.with_error(found[name].auc)["error"] for name in ("nominal", "other"))
    assert unpaired["auc_change"]["error"] == pytest.approx(np.hypot(nominal, varied), rel=0.2)


def test_errors_are_those_of_repeated_experiments():
    """The paired error of a change agrees with the spread over 60 independent samples."""
    rng, changes, n = np.random.default_rng(4), [], 2000
    for _ in range(60):
        signal, background = rng.normal(1, 1, n), rng.normal(0, 1, n)
        noise = rng.normal(0, 0.3, n)
        nominal = classes(signal, background)
        varied = {"x": classes(signal, background + noise)}
        found = measure(nominal, varied, (0.5,), 0, 1, bin_edges(nominal))
        changes.append(found["x"].auc[0] - found["nominal"].auc[0])
    found = measure(nominal, varied, (0.5,), 200, 1, bin_edges(nominal))
    error = summary.of_variation(found["nominal"], found["x"], (0.5,))["auc_change"]["error"]
    assert error == pytest.approx(np.std(changes, ddof=1), rel=0.3)


def test_area_with_weights_and_ties_is_that_of_scikit_learn():
    rng = np.random.default_rng(2)
    signal, background = rng.integers(3, 10, 500) / 10, rng.integers(0, 8, 700) / 10
    weights = rng.uniform(0.5, 2, (2, N))
    nominal = classes(signal, background, weights=weights)
    found = measure(nominal, {}, (0.5,), 0, 1, bin_edges(nominal))["nominal"].auc[0]
    labels = np.repeat([1, 0], [500, 700])
    sample_weight = np.concatenate([weights[0][:500], weights[1][:700]])
    wanted = roc_auc_score(labels, np.concatenate([signal, background]), sample_weight=sample_weight)
    assert found == pytest.approx(wanted, abs=1e-12)


def test_distances_of_shapes(shifted):
    found = shifted["background"]
    assert found.smirnov["background"][0] == pytest.approx(
        ks_2samp(BACKGROUND, BACKGROUND + 0.1).statistic, abs=1e-12
    )
    assert found.smirnov["signal"][0] == 0
    shape = summary.of_variation(shifted["nominal"], found, EFFICIENCIES)["shape"]["background"]
    p, q = (shifted[name].shape["background"][0] for name in ("nominal", "background"))
    assert p.sum() == pytest.approx(1)
    assert shape["jensen_shannon"]["value"] == pytest.approx(jensenshannon(p, q, base=2) ** 2, rel=1e-9)
    assert np.array(shape["ratio"], float)[5:10] == pytest.approx(q[5:10] / p[5:10])
    assert shape["ratio_error"][8] < 0.1


def test_divergence_of_known_histograms():
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1
    assert jensen_shannon(np.array([0.2, 0.8]), np.array([0.2, 0.8])) == 0
    wanted = 0.5 * (np.log2(4 / 3) + (np.log2(2 / 3) + 1) / 2)
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(wanted)


def test_weights_of_replicas():
    weights = np.stack([poisson_weights(KEYS[0], replica, 1) for replica in range(1, 21)])
    assert weights.mean() == pytest.approx(1, abs=5 / np.sqrt(20 * N))
    assert weights.var() == pytest.approx(1, abs=0.02)
    assert (weights == 0).mean() == pytest.approx(np.exp(-1), abs=0.004)
    assert abs(np.corrcoef(weights)[0, 1:]).max() < 5 / np.sqrt(N)
    assert np.array_equal(poisson_weights(KEYS[0][::-1], 3, 1)[::-1], weights[2])
    assert np.array_equal(poisson_weights(KEYS[0], 0, 1), np.ones(N))


def test_the_total_is_a_sum_in_quadrature(shifted):
    """The same change as two sources is sqrt(2) of it; half as much where it stands for two sigma."""
    found = {**shifted, "again": shifted["background"]}
    one = summary.total(shifted, {"a": ["background"]}, {"background": 1.0}, EFFICIENCIES)
    both = summary.total(
        found,
        {"a": ["background"], "b": ["again"]},
        {"background": 1.0, "again": 1.0},
        EFFICIENCIES,
    )
    half = summary.total(shifted, {"a": ["background"]}, {"background": -2.0}, EFFICIENCIES)
    change = abs(shifted["background"].auc[0] - shifted["nominal"].auc[0])
    assert one["auc"]["down"]["value"] == pytest.approx(-change)
    assert one["auc"]["up"]["value"] == pytest.approx(change)
    assert both["auc"]["up"]["value"] == pytest.approx(np.sqrt(2) * change)
    assert half["auc"]["up"]["value"] == pytest.approx(change / 2)
    # A rejection that is r times the nominal one: exp(+-sqrt(2) ln r) of two such sources.
    first, second = (found[name].background_same[0, 1] for name in ("nominal", "background"))
    wanted = np.exp(np.sqrt(2) * abs(np.log(first / second)))
    assert both["rejection"][1]["up"]["value"] == pytest.approx(wanted - 1)
    assert both["rejection"][1]["down"]["value"] == pytest.approx(1 / wanted - 1)


def test_a_pair_counts_on_its_own_sides(shifted):
    """Background up and nothing: the rejection falls only, the area too."""
    sources = {"jes": ["background", "both"]}
    total = summary.total(shifted, sources, {"background": 1.0, "both": -1.0}, EFFICIENCIES)
    assert total["rejection"][1]["up"]["value"] == 0
    assert total["rejection"][1]["down"]["value"] < -0.1
    assert total["auc"]["up"]["value"] == 0


def test_no_background_left_gives_no_rejection():
    nominal = classes(SIGNAL + 50, BACKGROUND)
    varied = {"x": classes(SIGNAL + 50, BACKGROUND + 1)}
    found = measure(nominal, varied, (0.5,), 20, 1, bin_edges(nominal))
    assert summary.of_nominal(found["nominal"], (0.5,), N)["at"][0]["rejection"]["value"] is None
    at = summary.of_variation(found["nominal"], found["x"], (0.5,))["at"][0]
    assert at["rejection_change"] == {"value": None, "error": None}


def test_bins_of_probabilities_and_of_other_scores():
    signal, background = 1 / (1 + np.exp(-SIGNAL)), 1 / (1 + np.exp(-BACKGROUND))
    edges = log_odds(bin_edges(classes(signal, background), 10))
    wanted = np.quantile(BACKGROUND, 0.005), np.quantile(SIGNAL, 0.995)
    assert edges == pytest.approx(np.linspace(*wanted, 11), abs=2e-3)
    assert len(set(bin_edges(classes(np.ones(5), np.ones(5)), 4))) == 5
    edges = bin_edges(classes(SIGNAL, BACKGROUND), 10)
    assert edges == pytest.approx(np.linspace(*wanted, 11))
