"""Fits with a Gaussian prior, at the edge of what parameters can do, and what follows a failure."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.stats import binom

from resonaut import registry
from resonaut.stats import poisson, scoring
from resonaut.stats.loglinear import LogLinear

EDGES = np.arange(2500.0, 6001.0, 100.0)


def constant(n_bins, precision=None):
    penalty = None if precision is None else np.array([[precision]])
    return LogLinear(np.ones((n_bins, 1)), np.eye(n_bins), penalty)


def test_a_prior_on_the_logarithm_of_a_rate_has_a_closed_form():
    counts, precision = np.array([3.0, 9.0, 4.0, 0.0]), 2.5
    fits = poisson.fit(constant(4, precision), counts)
    # Where the derivative of -2 ln L + precision theta^2 vanishes.
    theta = brentq(lambda t: 4 * np.exp(t) - 16 + precision * t, -5, 5, xtol=1e-14)
    assert fits.parameters[0] == pytest.approx(theta, rel=1e-9)
    assert fits.covariance[0, 0] == pytest.approx(1 / (4 * np.exp(theta) + precision), rel=1e-8)
    assert fits.deviance == pytest.approx(
        poisson.deviance(counts, fits.expected) + precision * theta**2, rel=1e-10
    )


def test_a_centre_moves_the_prior():
    fits = poisson.fit(constant(3, 1e9), np.array([[5.0, 5, 5], [5, 5, 5]]), centre=np.log([[5.0], [7.0]]))
    np.testing.assert_allclose(np.exp(fits.parameters[:, 0]), [5, 7], rtol=1e-6)
    assert fits.deviance[0] == pytest.approx(0, abs=1e-9)


def test_a_penalty_makes_more_parameters_than_bins_possible():
    rng = np.random.default_rng(2)
    nodes, penalty = rng.normal(size=(4, 6)), np.diag(np.linspace(0.5, 4, 6))
    model = LogLinear(nodes, 20 * np.eye(4), penalty)
    counts = np.array([30.0, 12, 18, 25])
    fits = poisson.fit(model, counts)
    assert fits.converged

    def objective(theta):
        return poisson.deviance(counts, model.expected(theta)) + theta @ penalty @ theta

    found = minimize(objective, np.zeros(6), method="BFGS", options={"gtol": 1e-9})
    assert fits.deviance == pytest.approx(found.fun, abs=1e-8)
    np.testing.assert_allclose(fits.parameters, found.x, atol=1e-6)
    regrouped = model.regrouped(np.eye(4)[:3])
    assert regrouped.penalty is penalty
    assert poisson.fit(regrouped, counts[:3]).converged


@pytest.mark.parametrize("precision", [None, 0.3])
@pytest.mark.parametrize("n_parameters", [3, 5])
def test_minuit_finds_the_same_minimum_to_a_millionth(n_parameters, precision):
    from iminuit import Minuit

    dijet = registry.build("stats", "dijet", {"n_parameters": n_parameters})(EDGES)
    penalty = None if precision is None else precision * np.eye(n_parameters)
    model = LogLinear(dijet.nodes, dijet.weights, penalty)
    shape = dijet.expected(np.array([0.0, 12.0, 1.0, 0, 0])[:n_parameters])
    counts = np.random.default_rng(7).poisson(3000 * shape / shape.sum())
    fits = poisson.fit(model, counts)
    axes = np.linalg.cholesky(fits.covariance)
    matrix = np.zeros((n_parameters, n_parameters)) if penalty is None else penalty

    def objective(step):
        theta = fits.parameters + axes @ (step - 0.4)
        return poisson.deviance(counts, model.expected(theta)) + theta @ matrix @ theta

    def gradient(step):
        theta = fits.parameters + axes @ (step - 0.4)
        score = model.jacobian(theta).T @ (1 - counts / model.expected(theta)) + matrix @ theta
        return 2 * axes.T @ score

    minuit = Minuit(objective, np.zeros(n_parameters), grad=gradient)
    minuit.errordef, minuit.tol, minuit.strategy = 1.0, 1e-12, 2
    minuit.migrad(iterate=10)
    minuit.migrad()
    assert fits.deviance == pytest.approx(minuit.fval, abs=1e-6)
    np.testing.assert_allclose(np.array(minuit.values), 0.4, atol=1e-6)


def test_a_coefficient_that_vanishes_does_not_hold_up_the_others():
    """Sums of positive terms, here three histograms: the best coefficient of one is exactly 0."""
    terms = np.array([[1.0, 0.2, 0.0], [1.0, 0.5, 0.1], [1.0, 1.0, 0.4], [1.0, 1.5, 1.0]])
    model = LogLinear(np.eye(3), terms)
    counts = np.array([40.0, 33.0, 22.0, 9.0])
    fits = poisson.fit(model, counts)
    assert fits.converged
    best = minimize(
        lambda c: poisson.deviance(counts, terms @ c),
        np.ones(3),
        bounds=[(0, None)] * 3,
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    assert best.x[1] == 0
    assert best.x[2] == 0
    assert fits.deviance == pytest.approx(best.fun, abs=1e-6)
    np.testing.assert_allclose(fits.expected, 26, rtol=1e-6)


def lowest_deviance(terms, counts):
    """Of a sum of terms with positive coefficients, by a bounded minimiser."""
    found = minimize(
        lambda c: poisson.deviance(counts, terms @ c),
        np.full(terms.shape[1], 3.0),
        jac=lambda c: 2 * terms.T @ (1 - counts / (terms @ c)),
        bounds=[(1e-12, None)] * terms.shape[1],
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000, "maxcor": 30},
    )
    return found.fun


def test_sums_of_positive_terms_find_their_edges_without_minuit(monkeypatch):
    """Bernstein polynomials of degree 5 of few events: several coefficients are 0 at the best fit."""
    monkeypatch.setattr(scoring, "_by_minuit", lambda problem, values, first: (values, False))
    x = (np.arange(35) + 0.5) / 35
    terms = binom.pmf(np.arange(6), 5, x[:, None])
    counts = np.random.default_rng(0).poisson(60 * np.exp(-6 * x) / np.exp(-6 * x).sum(), (150, 35))
    fits = poisson.fit(LogLinear(np.eye(6), terms), counts)
    assert fits.converged.mean() > 0.97
    for row in np.flatnonzero(fits.converged)[:25]:
        best = lowest_deviance(terms, counts[row])
        assert best - 1e-6 < fits.deviance[row] < best + 1e-5


def test_a_coefficient_that_starts_at_nothing_comes_back():
    terms = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 3.0]])
    fits = poisson.fit(LogLinear(np.eye(2), terms), np.array([10.0, 14, 22]), start=np.array([2.0, -70.0]))
    np.testing.assert_allclose(np.exp(fits.parameters), [10, 4], rtol=1e-6)


def test_what_does_not_converge_goes_to_minuit(monkeypatch):
    model = registry.build("stats", "dijet", {"n_parameters": 3})(EDGES)
    shape = model.expected(np.array([0.0, 12.0, 1.0]))
    counts = np.random.default_rng(1).poisson(2000 * shape / shape.sum(), (2, 35))
    wanted = poisson.fit(model, counts)
    monkeypatch.setattr(scoring, "MAX_ITERATIONS", 1)
    fits = poisson.fit(model, counts)
    assert fits.converged.all()
    np.testing.assert_allclose(fits.deviance, wanted.deviance, atol=1e-5)
    np.testing.assert_allclose(fits.expected, wanted.expected, rtol=1e-3)


def test_what_nothing_can_fit_is_nan_and_the_rest_is_not():
    model = registry.build("stats", "dijet", {"n_parameters": 3})(EDGES)
    shape = model.expected(np.array([0.0, 12.0, 1.0]))
    counts = np.stack([500 * shape / shape.sum(), np.full(35, np.nan), np.zeros(35)])
    fits = poisson.fit(model, counts)
    assert fits.converged.tolist() == [True, False, False]
    assert fits.deviance[0] == pytest.approx(0, abs=1e-8)
    for values in (fits.parameters, fits.expected, fits.covariance, fits.deviance, fits.signal):
        assert np.isnan(values[1:]).all()


def test_fits_in_blocks_are_the_same(monkeypatch):
    model = registry.build("stats", "dijet", {"n_parameters": 3})(EDGES)
    shape = model.expected(np.array([0.0, 12.0, 1.0]))
    counts = np.random.default_rng(1).poisson(2000 * shape / shape.sum(), (7, 35))
    start = poisson.fit(model, counts).parameters
    template = np.eye(35)[8]
    whole = poisson.fit(model, counts, template=template, start=start)
    monkeypatch.setattr(poisson, "LARGEST_BLOCK", 3 * 35 * 4)
    parts = poisson.fit(model, counts, template=template, start=start)
    np.testing.assert_allclose(parts.signal, whole.signal, rtol=1e-9)
    assert poisson.fit(model, counts[:0]).expected.shape == (0, 35)


def test_a_bin_where_nothing_can_be_does_not_stop_the_fit():
    model = LogLinear(np.ones((2, 1)), np.array([[1.0, 0], [0, 2.0], [0, 0]]))
    fits = poisson.fit(model, np.array([[6.0, 9.0, 0.0], [6.0, 9.0, 1.0]]))
    np.testing.assert_allclose(fits.expected[0], [5, 10, 0], rtol=1e-8)
    assert fits.converged.tolist() == [True, False]
