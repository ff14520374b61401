"""Significance improvement and its bootstrap against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from resonaut.hunt.evaluation_settings import EvaluateSettings
from resonaut.hunt.sic import GRID, measure


def gaussians(rng, n_signal, n_background, shift):
    """Scores N(shift, 1) of signal and N(0, 1) of background."""
    score = np.concatenate([rng.normal(shift, 1, n_signal), rng.normal(0, 1, n_background)])
    return score, np.arange(n_signal + n_background) < n_signal


def signal_efficiency(background_efficiency, shift):
    return norm.sf(norm.isf(background_efficiency) - shift)


def test_gaussian_scores_give_the_analytic_curve_and_area():
    n_signal, n_background, shift = 20_000, 400_000, 2.0
    score, is_signal = gaussians(np.random.default_rng(1), n_signal, n_background, shift)
    gain = measure(score, is_signal, EvaluateSettings(), np.random.default_rng(2))
    grid = gain.background_efficiency
    assert grid[0] * n_background >= 25 > grid[0] * n_background / 10 ** (1 / 24)
    assert grid[-1] == 1
    assert gain.improvement[-1] == 1
    grid, exact = grid[:-1], signal_efficiency(grid, shift)[:-1]
    found, replicas = gain.signal_efficiency[:-1], gain.signal_replicas[:, :-1]
    # Errors of the signal's count and of where the cut lies: d eps_S / d eps_B is the ratio of the densities.
    slope = norm.pdf(norm.isf(grid) - shift) / norm.pdf(norm.isf(grid))
    error = np.sqrt(exact * (1 - exact) / n_signal + slope**2 * grid * (1 - grid) / n_background)
    assert (np.abs(found - exact) < 4 * error).all()
    np.testing.assert_allclose(replicas.std(0) / error, 1, atol=0.25)
    assert np.mean(replicas.std(0) / error) == pytest.approx(1, abs=0.06)
    np.testing.assert_allclose(gain.improvement[:-1], found / np.sqrt(grid))
    area = gain.auc_interval()
    assert area.value == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=4 * (area.high - area.low) / 2)
    assert area.low < area.value < area.high < area.low + 0.005
    best, exact_best = gain.maximum(), (exact / np.sqrt(grid)).max()
    assert best.low - 0.1 < exact_best < best.high + 0.1
    place = int(np.argmin(np.abs(grid - best.background_efficiency)))
    assert best.value == gain.improvement[place] == gain.improvement.max()
    assert best.signal_efficiency == gain.signal_efficiency[place]
    median = gain.median_maximum()
    assert median.value == pytest.approx(np.median(gain.improvement_replicas, axis=0).max())
    assert median.low < median.value < median.high
    assert median.value <= best.high


def test_gain_at_a_fixed_efficiency_covers_the_truth_as_often_as_it_says():
    rng, shift, n_toys = np.random.default_rng(5), 2.0, 400
    given_ = EvaluateSettings(n_bootstrap=60)
    covered = np.zeros(3)
    exact = [
        signal_efficiency(0.01, shift) / 0.1,
        signal_efficiency(0.1, shift),
        norm.cdf(shift / np.sqrt(2)),
    ]
    for _ in range(n_toys):
        gain = measure(*gaussians(rng, 200, 2500, shift), given_, rng)
        intervals = gain.at(0.01)[0], gain.at(0.1)[1], gain.auc_interval()
        covered += [part.low < value < part.high for part, value in zip(intervals, exact, strict=True)]
    np.testing.assert_allclose(covered / n_toys, 0.68, atol=0.04)


def test_ties_and_few_events_by_hand():
    # Cuts pass (S, B): (1, 0), (3, 50) tied, (4, 100).
    score = np.repeat([3, 2, 2, 1, 1], [1, 2, 50, 1, 50])
    is_signal = np.repeat([True, True, False, True, False], [1, 2, 50, 1, 50])
    few = EvaluateSettings(signal_events_min=4, background_events_min=10)
    gain = measure(score, is_signal, few, np.random.default_rng(0))
    efficiency = dict(zip(np.round(gain.background_efficiency, 6), gain.signal_efficiency, strict=True))
    assert min(efficiency) == 0.1
    # Half a tenth of the tied signal passes with a fifth of the tied background, and so on.
    assert efficiency[0.1] == pytest.approx((1 + 2 * 0.2) / 4)
    assert efficiency[1.0] == 1
    assert gain.auc == pytest.approx((0.5 * (0.25 + 0.75) + 0.5 * (0.75 + 1)) / 2)
    assert gain.at(0.1)[0].value == pytest.approx(0.35 / np.sqrt(0.1))
    assert gain.at(0.01) is None
    for least in ({"signal_events_min": 5}, {"background_events_min": 101}):
        assert measure(score, is_signal, EvaluateSettings(**least), np.random.default_rng(0)) is None


def test_the_cut_is_where_so_many_background_events_pass():
    rng = np.random.default_rng(3)
    for n_background, least in ((2500, 0.01), (24_000, 10 ** (-71 / 24)), (100, 10 ** (-14 / 24))):
        gain = measure(*gaussians(rng, 50, n_background, 1.0), EvaluateSettings(), rng)
        assert gain.background_efficiency[0] == pytest.approx(least)
        np.testing.assert_array_equal(gain.background_efficiency, GRID[-len(gain.background_efficiency) :])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 400))
def test_only_the_order_of_the_scores_counts(seed, n_values):
    rng = np.random.default_rng(seed)
    score, is_signal = gaussians(rng, 60, 300, 1.5)
    score = np.floor(score * n_values / 8)
    small = EvaluateSettings(n_bootstrap=20)
    one = measure(score, is_signal, small, np.random.default_rng(1))
    order = rng.permutation(len(score))
    other = measure(np.exp(score[order] / n_values), is_signal[order], small, np.random.default_rng(1))
    np.testing.assert_array_equal(one.signal_replicas, other.signal_replicas)
    assert (np.diff(one.signal_efficiency) >= 0).all()
    assert one.auc == pytest.approx(other.auc)
