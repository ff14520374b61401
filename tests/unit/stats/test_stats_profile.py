"""Profile likelihoods and limits of counting windows, against closed forms and pyhf."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

from resonaut import registry
from resonaut.stats import poisson
from resonaut.stats.asymptotics import discovery_p_value, expected_root, log_cls, significance
from resonaut.stats.limits import upper_limits
from resonaut.stats.loglinear import LogLinear, integrate
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.transfer import transfer_terms, window_model

EDGES = np.arange(2500.0, 6001.0, 100.0)


def on_off(tau):
    """A side band tau times as large as the signal region, with one common density."""
    return LogLinear(np.ones((2, 1)), np.diag([tau, 1.0]))


def li_ma(n_on, n_off, tau):
    """Li and Ma, doi:10.1086/161295, eq. 17 with alpha = 1 / tau."""
    alpha = 1 / tau
    on = n_on * np.log((1 + alpha) / alpha * n_on / (n_on + n_off))
    off = n_off * np.log((1 + alpha) * n_off / (n_on + n_off))
    return np.sqrt(2 * (on + off))


@pytest.mark.parametrize(("n_on", "n_off", "tau"), [(140, 100, 1.2), (178, 300, 2.0), (12, 40, 10.0)])
def test_on_off_significance_is_that_of_li_and_ma(n_on, n_off, tau):
    found = ProfileLikelihood(on_off(tau), np.array([n_off, n_on])).discovery()
    assert found.background == pytest.approx(n_off / tau, rel=1e-8)
    assert found.log_error == pytest.approx(1 / np.sqrt(n_off), rel=1e-6)
    assert found.z_local == pytest.approx(li_ma(n_on, n_off, tau), rel=1e-6)
    assert found.p_value == pytest.approx(norm.sf(found.z_local), rel=1e-9)


@pytest.mark.parametrize(("n", "b"), [(30, 20.0), (9, 2.5), (120, 100.0)])
def test_with_a_known_background_q0_is_the_textbook_one(n, b):
    """q0 = 2 (n ln(n / b) - (n - b)), arXiv:1007.1727 eq. 96; the side band is so large that b is known."""
    tau = 1e7
    found = ProfileLikelihood(on_off(tau), np.array([b * tau, n])).discovery()
    assert found.q0 == pytest.approx(2 * (n * np.log(n / b) - (n - b)), rel=1e-4)


def test_a_deficit_has_p_one_half_and_a_negative_signed_significance():
    found = ProfileLikelihood(on_off(2.0), np.array([[200, 80], [200, 120]])).discovery()
    assert found.q0[0] == 0
    assert found.p_value[0] == 0.5
    assert found.z_local[0] == 0
    assert found.z_signed[0] == pytest.approx(-li_ma(80, 200, 2.0), rel=1e-6)
    assert found.z_signed[1] == found.z_local[1] == pytest.approx(li_ma(120, 200, 2.0), rel=1e-6)


def brute_force_limit(n_on, n_off, tau, level=0.95):
    """CLs limit of an on-off problem with a scalar minimiser for the background: no code of ours."""

    def nll(on, off, s, b):
        return s + b - on * np.log(s + b) + tau * b - off * np.log(tau * b)

    def profiled(on, off, s):
        done = minimize_scalar(
            lambda log_b: nll(on, off, s, np.exp(log_b)),
            bounds=(-5, 9),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return 2 * done.fun, np.exp(done.x)

    def q_tilde(on, off, s):
        best = max(on - off / tau, 0)
        return max(profiled(on, off, s)[0] - profiled(on, off, best)[0], 0) if s > best else 0.0

    null = profiled(n_on, n_off, 0)[1]

    def log_ratio(s):
        q, q_a = q_tilde(n_on, n_off, s), q_tilde(null, tau * null, s)
        if q <= q_a:
            ratio = norm.sf(np.sqrt(q)) / norm.cdf(np.sqrt(q_a) - np.sqrt(q))
        else:
            ratio = norm.sf((q + q_a) / 2 / np.sqrt(q_a)) / norm.sf((q - q_a) / 2 / np.sqrt(q_a))
        return np.log(ratio / (1 - level))

    return brentq(log_ratio, max(n_on - n_off / tau, 0) + 1e-3, 300)


@pytest.mark.parametrize(
    ("n_on", "n_off", "tau"), [(20, 20, 1.0), (9, 40, 3.0), (55, 120, 4.0), (3, 50, 10.0)]
)
def test_limits_are_those_of_a_brute_force_search(n_on, n_off, tau):
    limits = upper_limits(ProfileLikelihood(on_off(tau), np.array([n_off, n_on])))
    assert limits.observed == pytest.approx(brute_force_limit(n_on, n_off, tau), rel=1e-4)


def test_limits_are_those_of_pyhf_for_a_known_background():
    import pyhf

    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-3))
    n, b = 24.0, 20.0
    model = pyhf.simplemodels.uncorrelated_background([1.0], [b], [1e-3])
    data = [n, *model.config.auxdata]
    bounds = [(0, 100), (1e-10, 10)]

    def cls(signal):
        return float(pyhf.infer.hypotest(signal, data, model, test_stat="qtilde", par_bounds=bounds))

    tau = 1e6
    limits = upper_limits(ProfileLikelihood(on_off(tau), np.array([b * tau, n])))
    assert cls(float(limits.observed)) == pytest.approx(0.05, rel=2e-3)


def test_limits_of_a_batch_are_those_of_single_experiments_and_ordered():
    counts = np.array([[[40, 12], [100, 30]], [[40, 20], [7, 0]]])
    together = upper_limits(ProfileLikelihood(on_off(4.0), counts))
    assert together.expected.shape == (2, 2, 5)
    assert (np.diff(together.expected, axis=-1) > 0).all()
    for index in np.ndindex(2, 2):
        alone = upper_limits(ProfileLikelihood(on_off(4.0), counts[index]))
        assert together.observed[index] == pytest.approx(alone.observed, rel=1e-6)
        np.testing.assert_allclose(together.expected[index], alone.expected, rtol=1e-6)


def test_observed_equals_expected_where_the_data_are_as_expected():
    limits = upper_limits(ProfileLikelihood(on_off(5.0), np.array([100.0, 20.0])), 0.9)
    assert limits.observed == pytest.approx(limits.expected[2], rel=1e-6)


def test_a_signal_does_not_enter_the_expected_limit():
    limits = upper_limits(ProfileLikelihood(on_off(5.0), np.array([[100.0, 20.0], [100.0, 60.0]])))
    np.testing.assert_allclose(limits.expected[0], limits.expected[1], rtol=1e-7)
    assert limits.observed[1] > limits.observed[0] + 35


def test_asymptotic_formulas_against_published_values():
    assert discovery_p_value(np.array(25.0)) == pytest.approx(2.866516e-7, rel=1e-6)
    assert significance(np.array(2.866516e-7)) == pytest.approx(5, abs=1e-6)
    assert np.exp(log_cls(np.array(1.96**2), np.array(1.96**2))) == pytest.approx(0.05, rel=1e-3)
    # Median: 1 - Phi(x) = alpha / 2.
    assert expected_root(0.05, 0) == pytest.approx(norm.isf(0.025), rel=1e-12)


@pytest.mark.parametrize("n_transfer", [0, 2])
def test_the_alternative_is_the_fit_of_the_side_bands_alone(n_transfer):
    rng = np.random.default_rng(0)
    spectrum = registry.build("stats", "dijet", {"n_parameters": 3})(EDGES)
    shape = spectrum.expected(np.array([8.0, 12.0, 1.0]))
    selected, failing = rng.poisson(0.05 * shape, (4, 35)), rng.poisson(0.95 * shape, (4, 35))
    inside = (EDGES[:-1] >= 3300) & (EDGES[:-1] < 3700)
    fitted = (EDGES[:-1] >= 2800) & (EDGES[:-1] < 4200) & ~inside
    model = window_model(spectrum, EDGES, inside, fitted, n_transfer)
    counts = model.arrange(selected, failing)
    assert counts[:, -1].tolist() == selected[:, inside].sum(axis=1).tolist()
    likelihood = ProfileLikelihood(model.model, counts)
    template = np.zeros(model.model.n_bins)
    template[-1] = 1
    free = poisson.fit(model.model, counts, template=template)
    assert free.converged.all()
    np.testing.assert_allclose(free.signal, likelihood.excess, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(free.deviance, likelihood.side.deviance, rtol=1e-9)
    background = model.selected.expected(likelihood.side.parameters)
    np.testing.assert_allclose(background[:, inside].sum(axis=1), likelihood.background, rtol=1e-12)


def test_with_all_terms_of_the_function_a_transfer_adds_nothing():
    """If the ratio is as free as the function itself, failing events say nothing about selected ones."""
    edges = np.arange(1.0, 9.0)
    powers = integrate(lambda mass: np.log(mass)[:, None] ** np.arange(2), edges)
    inside = np.arange(7) == 3
    rng = np.random.default_rng(5)
    selected, failing = rng.poisson(30, 7), rng.poisson(200, 7)
    alone = window_model(powers, edges, inside, ~inside, 0)
    nodes = np.block([[powers.nodes, np.zeros_like(powers.nodes)], [powers.nodes, powers.nodes]])
    groups = window_model(powers, edges, inside, ~inside, 1).groups
    joint = LogLinear(nodes, np.kron(np.eye(2), powers.weights)).regrouped(groups)
    one = ProfileLikelihood(alone.model, alone.arrange(selected, failing))
    two = ProfileLikelihood(joint, np.concatenate([failing, selected]) @ groups.T)
    assert two.background == pytest.approx(one.background, rel=1e-6)
    assert two.log_error == pytest.approx(one.log_error, rel=1e-5)
    assert two.discovery().z_signed == pytest.approx(one.discovery().z_signed, abs=1e-5)


def test_nothing_fails_at_full_efficiency():
    assert transfer_terms(2, 1.0) == 0
    assert transfer_terms(2, 0.1) == 2
