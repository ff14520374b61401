"""Curves against closed forms, brute force and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest
from sklearn.metrics import roc_curve

from resonaut.stats.rates import improvement, passed_at, roc, sideband_efficiency, spread, thinned


def sample(n=5000):
    random = np.random.default_rng(3)
    is_signal = random.random(n) < 0.3
    return np.round(random.normal(is_signal * 1.0, 1.0), 1), is_signal


def test_roc_equals_scikit_learn_with_ties():
    score, is_signal = sample()
    curve = roc(score, is_signal)
    false, true, _ = roc_curve(is_signal, score, drop_intermediate=False)
    np.testing.assert_allclose(curve.background_efficiency, false[1:])
    np.testing.assert_allclose(curve.signal_efficiency, true[1:])


def test_background_at_a_signal_efficiency_is_that_of_the_tightest_cut():
    score, is_signal = sample()
    curve = roc(score, is_signal)
    for wanted in (0.1, 0.3, 0.5, 1.0):
        kept = np.sort(score[is_signal])[::-1][int(np.ceil(wanted * is_signal.sum() - 1e-9)) - 1]
        [found] = passed_at(curve, np.array([wanted]))
        assert found == (score[~is_signal] >= kept).sum()


def test_spread_is_between_the_worst_and_the_best():
    score, is_signal = sample()
    worse = roc(score + 0.5 * np.sin(np.arange(len(score))), is_signal)
    curves, grid = [roc(score, is_signal), worse], np.array([0.2, 0.6])
    lower, upper = spread(curves, grid)
    values = [curves[0].n_background / passed_at(curve, grid) for curve in curves]
    np.testing.assert_allclose(lower, np.minimum(*values))
    np.testing.assert_allclose(upper, np.maximum(*values))
    clean = roc(np.array([3.0, 2.0, 1.0]), np.array([True, True, False]))
    assert np.isnan(spread([clean], np.array([0.5]))[0]).all()


def test_improvement_of_gaussians_follows_the_closed_form():
    from scipy.stats import norm

    random = np.random.default_rng(4)
    n = 400_000
    is_signal = np.arange(n) % 2 == 0
    curve = improvement(roc(random.normal(is_signal * 2.0, 1.0), is_signal), 10)
    at = np.searchsorted(curve.background_efficiency, 0.01)
    expected = norm.sf(norm.isf(0.01) - 2) / np.sqrt(0.01)
    assert curve.value[at] == pytest.approx(expected, rel=0.03)
    signal = norm.sf(norm.isf(0.01) - 2)
    variance = (1 - signal) / (2e5 * signal) + 0.99 / (4 * 2000)
    assert curve.error[at] / curve.value[at] == pytest.approx(np.sqrt(variance), rel=0.01)


def test_improvement_stops_where_background_is_too_small():
    score, is_signal = sample()
    curve = improvement(roc(score, is_signal), 25)
    assert curve.background_efficiency.min() >= 25 / (~is_signal).sum()
    assert (curve.value[-1], curve.error[-1]) == (1.0, 0.0)


def test_thinned_keeps_the_ends():
    x = np.linspace(0.001, 1, 5000)
    for log in (False, True):
        kept = thinned(x, 50, log)
        assert kept[0] == 0
        assert kept[-1] == len(x) - 1
        assert len(kept) <= 50


def brute_force(score, fold, region):
    out = np.full(len(score), np.nan)
    for i in range(len(score)):
        side = score[(fold == fold[i]) & (region == 0)] if fold[i] >= 0 else []
        if len(side):
            other = region[i] != 0
            out[i] = ((side >= score[i]).sum() + other) / (len(side) + other)
    return out


@given(st.integers(0, 2**32 - 1))
def test_sideband_efficiency_equals_brute_force(seed):
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 60))
    score = random.integers(0, 9, n).astype(float)
    fold, region = random.integers(-1, 3, n), random.integers(-1, 2, n)
    np.testing.assert_allclose(sideband_efficiency(score, fold, region), brute_force(score, fold, region))


def test_sideband_efficiency_is_uniform_and_free_of_the_scale_of_a_fold():
    random = np.random.default_rng(5)
    fold, region = random.integers(0, 5, 20_000), random.integers(0, 2, 20_000)
    score = random.normal(0, 1, 20_000)
    values = sideband_efficiency(score, fold, region)
    # The values lean on 10,000 side-band events too: the two-sample scale of the statistic, at 0.1 %.
    assert kstest(values[region == 1], "uniform").statistic < 1.95 / np.sqrt(5000)
    np.testing.assert_array_equal(
        values, sideband_efficiency(np.exp(score) * (1 + fold) + 7 * fold, fold, region)
    )
    # The side band's own values are the ranks 1 / n ... 1 of its fold.
    own = np.sort(values[(region == 0) & (fold == 0)])
    np.testing.assert_allclose(own, np.arange(1, len(own) + 1) / len(own))
