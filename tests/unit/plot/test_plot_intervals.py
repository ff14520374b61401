"""Error bars against closed forms and scipy's distributions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, chi2, norm, poisson

from resonaut.plot.intervals import ONE_SIGMA, clopper_pearson, garwood, poisson_residuals


def test_garwood_equals_chi_squared_quantiles():
    counts = np.array([0, 1, 2, 3, 10, 1000])
    lower, upper = garwood(counts)
    tail = (1 - ONE_SIGMA) / 2
    np.testing.assert_allclose(lower[1:], chi2.ppf(tail, 2 * counts[1:]) / 2, rtol=1e-10)
    np.testing.assert_allclose(upper, chi2.ppf(1 - tail, 2 * (counts + 1)) / 2, rtol=1e-10)
    assert lower[0] == 0


def test_garwood_of_small_counts_as_tabulated():
    # CMS and ATLAS draw these bars: 0 +1.84, 1 +2.30 -0.83, 3 +2.92 -1.63.
    lower, upper = garwood(np.array([0, 1, 3]))
    np.testing.assert_allclose(upper - [0, 1, 3], [1.84, 2.30, 2.92], atol=0.006)
    np.testing.assert_allclose([0, 1, 3] - lower, [0, 0.83, 1.63], atol=0.006)


def test_garwood_tends_to_the_root_of_the_count():
    lower, upper = garwood(np.array([1e8]))
    np.testing.assert_allclose([upper[0] - 1e8, 1e8 - lower[0]], [1e4, 1e4], rtol=1e-3)


@given(st.floats(0.05, 60))
def test_garwood_covers_at_least_its_level(mean):
    counts = np.arange(300)
    lower, upper = garwood(counts)
    assert poisson.pmf(counts, mean)[(lower <= mean) & (mean <= upper)].sum() >= ONE_SIGMA


def test_clopper_pearson_equals_beta_quantiles():
    passed, total = np.array([0, 1, 7, 10]), 10
    lower, upper = clopper_pearson(passed, total)
    tail = (1 - ONE_SIGMA) / 2
    np.testing.assert_allclose(lower[1:], beta.ppf(tail, passed[1:], total - passed[1:] + 1))
    np.testing.assert_allclose(upper[:-1], beta.ppf(1 - tail, passed[:-1] + 1, total - passed[:-1]))
    assert (lower[0], upper[-1]) == (0, 1)


def test_residual_of_many_events_is_the_gaussian_one():
    assert poisson_residuals(1_002_000, 1_000_000) == pytest.approx(2.0, rel=1e-3)


def test_residual_in_closed_form_and_for_no_events():
    n, b = 12.0, 5.0
    assert poisson_residuals(n, b) == pytest.approx(np.sqrt(2 * (n * np.log(n / b) - (n - b))))
    assert poisson_residuals(0, 2.0) == pytest.approx(-2.0)
    assert poisson_residuals(5, 5.0) == 0


def test_residual_is_near_the_exact_tail():
    assert poisson_residuals(20, 10.0) == pytest.approx(norm.isf(poisson.sf(19.5, 10)), abs=0.12)
