"""Goodness of fit by toys."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chi2, kstest, poisson

from resonaut.stats import goodness
from resonaut.stats.goodness import by_toys, chi2_p_value, ks_distance
from resonaut.stats.loglinear import LogLinear, integrate

EDGES = np.linspace(-1.0, 1.0, 21)


def line():
    return integrate(lambda mass: np.stack([np.ones_like(mass), mass], axis=-1), EDGES)


def test_one_bin_pair_has_an_exact_p_value():
    """Two equal bins with one common rate: given the sum, the split is binomial, and so is the deviance."""
    model = LogLinear(np.ones((2, 1)), np.eye(2))
    found = by_toys(model, np.array([4.0, 14.0]), 20_000, np.random.default_rng(1))
    # Over the sums that toys have, weighted by their probability; the same deviance or a larger one.
    sums = np.arange(1, 60)
    exact = 0.0
    for total in sums:
        split = np.arange(total + 1)
        mean = total / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = [2 * np.where(n > 0, n * np.log(n / mean), 0.0) for n in (split, total - split)]
        far = sum(terms) >= found.deviance - 1e-9
        exact += poisson.pmf(total, 18) * binom.pmf(split, total, 0.5)[far].sum()
    assert found.p_deviance == pytest.approx(exact, abs=4 * found.p_deviance_error)
    assert found.p_deviance_error == pytest.approx(np.sqrt(exact * (1 - exact) / 20_000), rel=0.1)
    # The distance of two bins is |n1 - n2| / 2 (n1 + n2).
    assert found.ks == pytest.approx(10 / 36)
    assert found.n_toys > 19_900


def test_distances_of_cumulative_fractions():
    assert ks_distance(np.array([10.0, 0.0, 0.0]), np.array([1.0, 1.0, 2.0])) == pytest.approx(0.75)
    assert ks_distance(np.array([5.0, 5.0, 10.0]), np.array([1.0, 1.0, 2.0])) == pytest.approx(0)


def test_p_values_are_uniform_where_the_model_is_right():
    truth = line().expected(np.array([6.0, -1.5]))
    counts = np.random.default_rng(2).poisson(truth, (150, 20))
    found = by_toys(line(), counts, 150, np.random.default_rng(3))
    assert kstest(found.p_deviance, "uniform").pvalue > 1e-3
    assert kstest(found.p_ks, "uniform").pvalue > 1e-3
    # At 10 to 200 events per bin the chi-squared probability is close.
    assert np.abs(found.p_deviance - chi2_p_value(found.deviance, 18)).mean() < 0.05


def test_a_wrong_model_is_seen():
    truth = np.exp(5 + 0.6 * (EDGES[:-1] + 0.05) ** 2 * 3 - 1.5 * EDGES[:-1])
    counts = np.random.default_rng(5).poisson(truth)
    found = by_toys(line(), counts, 400, np.random.default_rng(6))
    assert found.p_deviance < 0.01
    assert found.p_ks < 0.01
    # None of n toys is as far: p is not 0.
    assert found.p_ks >= 1 / 401


def test_any_leading_axes_and_failures(monkeypatch):
    counts = np.random.default_rng(7).poisson(30, (2, 3, 20)).astype(float)
    counts[1, 2] = 0
    monkeypatch.setattr(goodness, "_ROWS", 30)
    found = by_toys(line(), counts, 70, np.random.default_rng(8))
    assert found.p_deviance.shape == found.ks.shape == (2, 3)
    # Nothing seen: no fit, no p-value.
    assert np.isnan(found.p_deviance[1, 2])
    assert np.isnan(found.ks[1, 2])
    assert found.n_toys[1, 2] == 0
    assert np.isfinite(found.p_deviance.ravel()[:5]).all()
    assert (found.n_toys.ravel()[:5] == 70).all()


def test_chi_squared_probabilities():
    np.testing.assert_allclose(
        chi2_p_value(np.array([3.0, 25.0]), np.array([4, 20])), chi2.sf([3.0, 25.0], [4, 20])
    )
    assert np.isnan(chi2_p_value(np.array(0.0), 0))
