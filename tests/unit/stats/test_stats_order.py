"""The number of parameters of a background function."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2
from scipy.stats import f as fisher

from resonaut import registry
from resonaut.stats import order
from resonaut.stats.loglinear import LogLinear, integrate

EDGES = np.arange(2500.0, 5001.0, 100.0)


def polynomials(degrees, edges=EDGES):
    """exp of Legendre polynomials over the range: terms of one size, independent of each other."""
    t = (edges - edges[0]) / (edges[-1] - edges[0]) * 2 - 1
    return [integrate(lambda mass, n=n: np.polynomial.legendre.legvander(mass, n), t) for n in degrees]


def test_orders_of_the_atlas_dijet_spectrum(shared):
    """139/fb, 91 bins, arXiv:1910.08447: deviances 144.5 / 123.8 / 118.5 / 117.1 for 3 to 6 parameters."""
    table = np.loadtxt(shared / "spectra/atlas_dijet_139ifb_ins1759712_t2.csv", delimiter=",", skiprows=2)
    edges = np.append(table[:, 0], table[-1, 1])
    assert len(table) == 91
    models = [registry.build("stats", "dijet", {"n_parameters": n})(edges) for n in (3, 4, 5, 6)]
    found = order.f_test(models, table[:, 2])
    np.testing.assert_allclose(found.deviance, [144.5, 123.8, 118.5, 117.1], atol=0.5)
    assert found.n_parameters.tolist() == [3, 4, 5, 6]
    # F of 4 against 3: (20.7 / 1) / (123.8 / 87) = 14.5; of 5 against 4: 3.8, p = 0.05.
    assert found.f[0, 1] == pytest.approx(14.5, abs=0.5)
    assert found.p[0, 1] == pytest.approx(2.6e-4, rel=0.2)
    assert found.p[1, 2] == pytest.approx(0.053, abs=0.005)
    assert found.chosen == 4
    assert found.index == 1
    # The likelihood ratio, D4 - D5 = 5.3 for one parameter: p = 0.02.
    ratio = order.f_test(models, table[:, 2], statistic="likelihood_ratio")
    assert ratio.p[1, 2] == pytest.approx(chi2.sf(5.3, 1), abs=0.003)
    assert ratio.chosen == 5


def test_statistics_are_those_of_the_textbook():
    deviance = np.array([60.0, 40.0, 39.0])
    found = order.choose(deviance, np.array([2, 3, 5]), 30)
    f_1, f_2 = (60 - 40) / (40 / 27), ((40 - 39) / 2) / (39 / 25)
    np.testing.assert_allclose(found.f[[0, 1], [1, 2]], [f_1, f_2])
    np.testing.assert_allclose(found.p[[0, 1], [1, 2]], [fisher.sf(f_1, 1, 27), fisher.sf(f_2, 2, 25)])
    assert np.isnan(found.f[np.tril_indices(3)]).all()
    assert found.chosen == 3
    ratio = order.choose(deviance, np.array([2, 3, 5]), 30, statistic="likelihood_ratio")
    np.testing.assert_allclose(ratio.p[[0, 1], [1, 2]], [chi2.sf(20, 1), chi2.sf(1, 2)])


def test_a_useless_order_before_a_useful_one_is_stepped_over():
    deviance = np.array([100.0, 99.5, 40.0, 39.9])
    sizes = np.array([2, 3, 4, 5])
    assert order.choose(deviance, sizes, 40).chosen == 4
    assert order.choose(deviance, sizes, 40, look_ahead=1).chosen == 2
    # Two useless ones are not.
    assert order.choose(np.array([100.0, 99.9, 99.8, 40.0]), sizes, 40).chosen == 2


def test_orders_of_a_batch_are_those_of_single_spectra():
    models = polynomials((1, 2, 3))
    counts = np.random.default_rng(2).poisson(200, (3, 4, 25))
    together = order.f_test(models, counts, alpha=0.3)
    assert together.chosen.shape == (3, 4)
    assert together.p.shape == (3, 4, 3, 3)
    assert len(np.unique(together.chosen)) > 1
    for at in np.ndindex(3, 4):
        alone = order.f_test(models, counts[at], alpha=0.3)
        assert together.chosen[at] == alone.chosen
        np.testing.assert_allclose(together.p[at], alone.p, rtol=1e-4, atol=1e-6)


def test_the_level_is_kept_and_a_needed_term_is_found():
    """Of spectra that are straight in the logarithm at most 5 % take one order more."""
    models = polynomials((1, 2, 3))
    rng = np.random.default_rng(4)
    straight = models[0].expected(np.array([6.5, -1.2]))
    straight *= 200 / straight.mean()
    found = order.f_test(models, rng.poisson(straight, (4000, 25)), look_ahead=1)
    # Below 5 %: a deviance per degree of freedom counts as 1 at least, and half of them are smaller.
    taken = (found.chosen > 2).mean()
    assert 0.015 < taken < 0.05
    assert taken == (found.p[:, 0, 1] < 0.05).mean()
    freedom = 25 - 3
    plain = (found.deviance[:, 0] - found.deviance[:, 1]) / (found.deviance[:, 1] / freedom)
    assert (fisher.sf(plain, 1, freedom) < 0.05).mean() == pytest.approx(0.05, abs=0.012)
    ratio = order.f_test(
        models, rng.poisson(straight, (4000, 25)), look_ahead=1, statistic="likelihood_ratio"
    )
    assert (ratio.p[:, 0, 1] < 0.05).mean() == pytest.approx(0.05, abs=0.012)
    bent = models[1].expected(np.array([5.0, -1.2, 0.15]))
    bent *= 200 / bent.mean()
    assert (order.f_test(models, rng.poisson(bent, (200, 25))).chosen >= 3).mean() > 0.95


def test_fits_that_fail_and_orders_without_freedom_are_not_chosen():
    sizes = np.array([2, 3, 4])
    assert order.choose(np.array([100.0, np.nan, 10.0]), sizes, 30).chosen == 4
    assert order.choose(np.array([np.nan, 50.0, 49.0]), sizes, 30).chosen == 3
    none = order.choose(np.full(3, np.nan), sizes, 30)
    assert (none.chosen, none.index) == (0, -1)
    # With as many parameters as bins nothing is left to compare with.
    assert order.choose(np.array([50.0, 5.0, 0.0]), sizes, 4).chosen == 2


@pytest.mark.parametrize(("slope", "mean"), [(-1.2, 2.0), (-3.0, 2.0), (-3.0, 1.0)])
def test_the_level_is_kept_at_few_events(slope, mean):
    models = polynomials((1, 2))
    straight = models[0].expected(np.array([1.0, slope]))
    counts = np.random.default_rng(1).poisson(mean * straight / straight.mean(), (1500, 25))
    found = order.f_test(models, counts)
    assert (found.chosen > 2).mean() < 0.065
    # As published, with the deviance of nearly empty bins as the measure, it is not.
    freedom = 25 - found.n_parameters[1]
    plain = (found.deviance[:, 0] - found.deviance[:, 1]) / (found.deviance[:, 1] / freedom)
    if slope < -2:
        assert (fisher.sf(plain, 1, freedom) < 0.05).mean() > 0.075


def test_no_order_is_chosen_that_has_a_parameter_for_every_filled_bin():
    counts = np.zeros((1, 25))
    counts[0, [1, 4, 9]] = 3, 1, 1
    counts[0, 12] = 40
    found = order.f_test(polynomials((1, 2, 3, 4)), counts)
    assert found.chosen == 3
    assert np.isnan(found.p[0, :, 2:]).all()


def test_held_parameters_do_not_count():
    model = polynomials((3,))[0]
    assert order.free_parameters(model) == 4
    held = LogLinear(model.nodes, model.weights, np.diag([0.0, 0.0, 2.0, 5.0]))
    assert order.free_parameters(held) == 2
