"""Conformal p-values: exact ranks, planted shifts, weights that mend them, and the test of their number."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import betabinom, kstest, norm

from resonaut.stats import density_ratio
from resonaut.stats.conformal import (
    BetaNull,
    count_test,
    mondrian_p_values,
    split_p_values,
    weighted_p_values,
)


def test_split_p_values_are_ranks_with_ties_counted_against():
    found = split_p_values(np.array([1.0, 3.0, 3.0, 5.0]), np.array([0.0, 3.0, 4.0, 6.0]))
    np.testing.assert_allclose(found, [5 / 5, 4 / 5, 2 / 5, 1 / 5])


def test_split_p_values_are_uniform_over_ranks_when_exchangeable():
    """Each of the n + 1 ranks of one event among n others is as likely."""
    rng = np.random.default_rng(1)
    events = rng.exponential(size=(20_000, 10))
    found = np.array([split_p_values(row[1:], row[0]) for row in events])
    numbers = np.bincount(np.rint(found * 10).astype(int), minlength=11)[1:]
    assert numbers.sum() == 20_000
    assert ((numbers - 2000) ** 2 / 2000).sum() < 27.9  # 0.999 quantile of chi-squared with 9


def test_split_p_values_of_shifted_scores_have_the_closed_form():
    """Scores from N(shift, 1) against N(0, 1): P(p <= level) = 1 - Phi(z_level - shift)."""
    rng = np.random.default_rng(2)
    found = split_p_values(rng.normal(size=200_000), rng.normal(0.5, 1, 100_000))
    for level in (0.1, 0.01):
        wanted = norm.sf(norm.isf(level) - 0.5)
        assert (found <= level).mean() == pytest.approx(wanted, rel=0.04)
        assert wanted > 2 * level


def test_weighted_p_values_are_split_ones_with_equal_weights_and_exact_by_hand():
    rng = np.random.default_rng(3)
    known, scores = rng.normal(size=50), rng.normal(size=20)
    equal = weighted_p_values(known, np.full(50, 0.3), scores, np.full(20, 0.3))
    np.testing.assert_allclose(equal, split_p_values(known, scores))
    by_hand = weighted_p_values(np.array([2.0, 1.0]), np.array([3.0, 5.0]), np.array([1.5]), np.array([2.0]))
    np.testing.assert_allclose(by_hand, (2 + 3) / (2 + 3 + 5))


def test_true_weights_repair_a_shift():
    """Calibration from N(0, 1), events from N(0.5, 1): the ratio of densities is exp(s / 2)."""
    rng = np.random.default_rng(4)
    known, scores = rng.normal(size=100_000), rng.normal(0.5, 1, 20_000)
    found = weighted_p_values(known, np.exp(known / 2), scores, np.exp(scores / 2))
    assert kstest(found, "uniform").pvalue > 0.01
    assert kstest(split_p_values(known, scores), "uniform").pvalue < 1e-50


def test_true_weights_are_exact_for_small_samples():
    """Two values, 1 with probability 1/2 in the calibration and 3/4 under test: every case counted."""
    weight = {0: 0.5, 1: 1.5}
    n, levels = 4, np.linspace(0.02, 1, 50)
    kept = np.zeros(len(levels))
    for ones in range(n + 1):
        known = np.array([1.0] * ones + [0.0] * (n - ones))
        weights = np.array([weight[int(value)] for value in known])
        for value, probability in ((0, 0.25), (1, 0.75)):
            p = weighted_p_values(known, weights, np.array([float(value)]), np.array([weight[value]]))
            kept += probability * comb(n, ones) / 2**n * (p <= levels)
    assert (kept <= levels + 1e-12).all()
    assert kept[-1] == pytest.approx(1)
    # Without weights the same events are called unusual too often.
    unweighted = 0.75 * sum(comb(n, ones) / 2**n for ones in range(2))
    assert unweighted > 0.2
    assert unweighted > kept[np.searchsorted(levels, 0.2)]


def test_estimated_weights_repair_a_shift():
    """Two classes of mass at -1 and 1 with scores N(+-0.3, 1); at mass 0 the density is N(0, 1)."""
    rng = np.random.default_rng(5)
    classes = np.repeat([0, 1], [60_000, 30_000])
    known = rng.normal(0.3 * (2 * classes - 1))
    scores = rng.normal(size=20_000)
    z = density_ratio.normal_scores(known, known)
    ratio = density_ratio.fit(z, classes, np.array([-1.0, 1.0]), 1)
    assert ratio.converged
    own = density_ratio.normal_scores(known, scores)
    found = weighted_p_values(known, ratio.weights(z, 0.0), scores, ratio.weights(own, 0.0))
    assert kstest(found, "uniform").pvalue > 0.01
    assert kstest(split_p_values(known, scores), "uniform").pvalue < 1e-10


def test_density_ratio_of_normal_scores_has_the_closed_form():
    """z from N(0.2 t, 1) at t = -1, 0, 1: ln p(z | t) - ln p(z | 0) = 0.2 t z - 0.02 t^2."""
    rng = np.random.default_rng(6)
    mass = np.array([-1.0, 0.0, 1.0])
    classes = rng.integers(0, 3, 300_000)
    ratio = density_ratio.fit(rng.normal(0.2 * mass[classes]), classes, mass, 2)
    errors = np.sqrt(np.diag(ratio.covariance))[2:].reshape(2, 2)
    wanted = np.array([[0.2, 0.0], [0.0, 0.0]])
    assert (np.abs(ratio.theta - wanted) < 4 * errors).all()
    assert errors[0, 0] == pytest.approx(np.sqrt(1 / (2 / 3) / 300_000), rel=0.1)
    z = np.linspace(-2, 2, 9)
    density = norm.pdf(z[:, None], 0.2 * mass).sum(1)
    relative = ratio.weights(z, 0.5) / (norm.pdf(z, 0.1) / density)
    np.testing.assert_allclose(relative / relative[4], 1, atol=0.02)


def test_gradients_of_the_ratio_are_those_of_finite_differences():
    rng = np.random.default_rng(7)
    classes = rng.integers(0, 4, 5000)
    mass = np.array([-1.2, -0.8, 0.7, 1.3])
    ratio = density_ratio.fit(rng.normal(0.1 * mass[classes]), classes, mass, 2)
    z, step = np.array([-1.0, 0.4, 2.0]), 1e-6
    gradient, influence = ratio.weight_gradient(z, 0.3), ratio.influence(z)
    for number in range(3 + 4):
        alpha, theta = ratio.alpha.copy(), ratio.theta.copy()
        if number < 3:
            alpha[number + 1] += step
        else:
            theta.reshape(-1)[number - 3] += step
        moved = density_ratio.DensityRatio(alpha, theta, mass, ratio.covariance, True)
        slope = np.log(moved.weights(z, 0.3) / ratio.weights(z, 0.3)) / step
        np.testing.assert_allclose(gradient[:, number], slope, atol=1e-5)
        slope = np.log(moved.probabilities(z) / ratio.probabilities(z)) / step
        np.testing.assert_allclose(influence[:, :, number], slope, atol=1e-5)


def test_mondrian_p_values_are_exact_where_the_log_efficiency_is_linear():
    """Exponential scores of mean 1 and 2 at the bands: ln P(score >= s) = -s rate is linear in the rate."""
    rng = np.random.default_rng(8)
    bands = [rng.exponential(1 / rate, 100_000) for rate in (1.0, 0.5)]
    scores = rng.exponential(1 / 0.75, 20_000)
    each = np.stack([split_p_values(band, scores) for band in bands])
    assert kstest(mondrian_p_values(each, np.full(20_000, 0.5)), "uniform").pvalue > 0.01
    assert kstest(split_p_values(np.concatenate(bands), scores), "uniform").pvalue < 1e-10
    np.testing.assert_allclose(mondrian_p_values(each, np.full(20_000, -3.0)), each[0])
    np.testing.assert_allclose(mondrian_p_values(each, np.full(20_000, 7.0)), each[1])


def test_the_null_of_ranks_is_that_of_order_statistics():
    """Of 9 events at level 0.3 the third largest is the threshold: Beta(3, 7), mean 0.3."""
    null = BetaNull.of_ranks(0.3, np.array([9, 2, 29]))
    np.testing.assert_array_equal(null.alpha, [3, 0, 9])
    np.testing.assert_array_equal(null.beta, [7, 3, 21])
    rng = np.random.default_rng(9)
    third = np.sort(rng.uniform(size=(50_000, 9)), axis=1)[:, 2]
    assert third.mean() == pytest.approx(float(null.mean[0]), abs=3e-3)
    assert third.var() == pytest.approx(float(null.variance[0]), rel=0.03)
    again = BetaNull.of_moments(null.mean[[0, 2]], null.variance[[0, 2]])
    np.testing.assert_allclose(again.alpha, [3, 9])
    np.testing.assert_allclose(again.beta, [7, 21])


@given(st.integers(1, 60), st.integers(1, 40), st.integers(1, 40), st.data())
def test_the_count_test_is_the_sum_of_beta_binomial_terms(n, alpha, beta, data):
    k = data.draw(st.integers(0, n))
    found = count_test(k, n, BetaNull(alpha, beta))
    terms = betabinom.pmf(np.arange(n + 1), n, alpha, beta)
    upper, lower = terms[k:].sum(), terms[: k + 1].sum()
    assert found.p_value == pytest.approx(upper, rel=1e-9)
    wanted = norm.isf(upper) if upper < 0.5 else norm.ppf(lower) if lower < 0.5 else 0.0
    assert found.z_signed == pytest.approx(wanted, abs=1e-7)


def test_the_count_test_by_brute_force():
    """30 calibration events, 20 under test, level 0.1: how often so many are unusual."""
    rng = np.random.default_rng(10)
    events = rng.normal(size=(20_000, 50))
    counts = np.array([(split_p_values(row[:30], row[30:]) <= 0.1).sum() for row in events])
    null = BetaNull.of_ranks(0.1, 30)
    for k in (1, 3, 6):
        assert (counts >= k).mean() == pytest.approx(float(count_test(k, 20, null).p_value), abs=0.012)
    # Counted as binomial, excesses of 6 would be 3 times rarer than they are.
    assert betabinom.sf(5, 20, null.alpha, null.beta) > 3 * (
        1 - sum(comb(20, k) * 0.1**k * 0.9 ** (20 - k) for k in range(6))
    )


def test_the_count_test_far_in_the_tail_and_where_nothing_is_known():
    far = count_test(np.array([5000]), np.array([20_000]), BetaNull(200, 20_000))
    wanted = logsumexp(betabinom.logpmf(np.arange(5000, 20_001), 20_000, 200, 20_000))
    assert far.log_p_value[0] == pytest.approx(wanted, rel=1e-9)
    assert far.z_signed[0] == pytest.approx(np.sqrt(-2 * wanted), rel=0.01)
    none = count_test(
        np.array([-1, 3, 0]), np.array([-1, 10, 10]), BetaNull(np.array([1, 0, 2.0]), np.ones(3))
    )
    assert np.isnan(none.p_value[0])
    np.testing.assert_array_equal(none.p_value[1:], 1)
    assert none.z_signed[1] == 0
    assert none.z_signed[2] < 0
