"""Fits of log-linear spectra, against an independent minimiser and published spectra."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.stats import poisson
from resonaut.stats.loglinear import integrate

EDGES = np.arange(2500.0, 6001.0, 100.0)


def falling(n_parameters=3, edges=EDGES):
    return registry.build("stats", "dijet", {"n_parameters": n_parameters})(edges)


def exponential(edges):
    """Density exp(a - b m)."""
    return integrate(lambda mass: np.stack([np.ones_like(mass), -mass], axis=-1), edges)


def truth(scale=1.0):
    model = falling(3)
    shape = model.expected(np.array([0.0, 12.0, 1.0]))
    return 30_000 * scale * shape / shape.sum()


@pytest.mark.parametrize("name", registry.names("stats"))
def test_background_functions_are_integrated_over_bins_and_differentiated(name):
    module = registry.load("stats", name)
    model = module.build(module.Settings())(EDGES)
    one = module.build(module.Settings())(np.array([2500.0, 6000.0]))
    parameters = np.full(model.n_parameters, 0.3)
    assert model.expected(parameters).sum() == pytest.approx(one.expected(parameters)[0], rel=1e-4)
    step = 1e-6 * np.eye(model.n_parameters)
    numeric = (model.expected(parameters + step) - model.expected(parameters - step)) / 2e-6
    # A coefficient of a polynomial may say next to nothing about a bin: differences are rounding there.
    got = model.jacobian(parameters)
    np.testing.assert_allclose(got, numeric.T, rtol=1e-6, atol=1e-8 * np.abs(got).max())


def test_dijet_bins_are_integrals_of_the_published_formula():
    ln_p1, p2, p3, p4 = -0.4, 9.0, 4.5, -0.3

    def density(mass):
        x = mass / 13_000
        return np.exp(ln_p1) * (1 - x) ** p2 * x ** -(p3 + p4 * np.log(x))

    got = falling(4).expected(np.array([ln_p1, p2, p3, p4]))
    wanted = [quad(density, low, high, epsrel=1e-12)[0] for low, high in pairwise(EDGES)]
    np.testing.assert_allclose(got, wanted, rtol=1e-11)


def test_dijet_refuses_masses_beyond_the_energy():
    with pytest.raises(ConfigError, match=r"hunt.sqrt_s: .* 13000 GeV, the scan covers 2500-14000"):
        falling(3, np.array([2500.0, 14_000.0]))


@pytest.mark.parametrize(("n_parameters", "published"), [(3, 144.5), (4, 123.8), (5, 118.5), (6, 117.1)])
def test_deviance_of_the_atlas_dijet_spectrum(shared, n_parameters, published):
    table = np.loadtxt(shared / "spectra/atlas_dijet_139ifb_ins1759712_t2.csv", delimiter=",", skiprows=2)
    model = falling(n_parameters, np.append(table[:, 0], table[-1, 1]))
    fits = poisson.fit(model, table[:, 2])
    assert fits.converged
    assert fits.deviance == pytest.approx(published, abs=0.5)
    assert fits.expected.sum() == pytest.approx(table[:, 2].sum(), rel=1e-9)


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.01])
def test_minuit_finds_the_same_minimum(scale):
    from iminuit import Minuit

    rng = np.random.default_rng(4)
    counts = rng.poisson(truth(scale))
    model = falling(3)
    fits = poisson.fit(model, counts)
    # Minuit starts elsewhere, in coordinates where the parameters have errors of order 1.
    axes = np.linalg.cholesky(fits.covariance)

    def objective(step):
        mu = model.expected(fits.parameters + axes @ (step - 0.4))
        return 2 * (mu - counts * np.log(mu)).sum()

    def gradient(step):
        parameters = fits.parameters + axes @ (step - 0.4)
        return 2 * axes.T @ (model.jacobian(parameters).T @ (1 - counts / model.expected(parameters)))

    minuit = Minuit(objective, np.zeros(3), grad=gradient)
    minuit.errordef, minuit.tol, minuit.strategy = 1.0, 1e-8, 2
    minuit.migrad()
    minuit.hesse()
    found = fits.parameters + axes @ (np.array(minuit.values) - 0.4)
    assert minuit.fval == pytest.approx(objective(np.full(3, 0.4)), abs=1e-8)
    np.testing.assert_allclose(model.expected(found), fits.expected, rtol=1e-6)
    # Expected and observed information agree on average, not in one spectrum.
    np.testing.assert_allclose(np.array(minuit.covariance), np.eye(3), atol=0.4 if scale < 1 else 0.05)


def test_two_bins_and_two_parameters_have_a_closed_form():
    edges = np.array([0.0, 1.0, 2.0])
    fits = poisson.fit(exponential(edges), np.array([30.0, 12.0]))
    slope = np.log(30 / 12)
    np.testing.assert_allclose(fits.expected, [30, 12], rtol=1e-9)
    assert fits.parameters[1] == pytest.approx(slope, rel=1e-7)
    assert fits.parameters[0] == pytest.approx(np.log(30 * slope / (1 - np.exp(-slope))), rel=1e-7)
    assert fits.deviance == pytest.approx(0, abs=1e-12)
    # ln(mu_1 / mu_2) is the slope: its variance is 1/30 + 1/12.
    assert fits.covariance[1, 1] == pytest.approx(1 / 30 + 1 / 12, rel=1e-6)


def test_one_constant_is_the_mean():
    flat = integrate(lambda mass: np.ones((len(mass), 1)), np.arange(6.0))
    counts = np.array([[3, 5, 8, 0, 4], [0, 0, 0, 0, 1]])
    fits = poisson.fit(flat, counts)
    np.testing.assert_allclose(np.exp(fits.parameters[:, 0]), counts.mean(axis=1), rtol=1e-8)
    np.testing.assert_allclose(fits.covariance[:, 0, 0], 1 / counts.sum(axis=1), rtol=1e-7)
    expected = 2 * (counts * np.log(np.maximum(counts, 1) / counts.mean(axis=1, keepdims=True))).sum(axis=1)
    np.testing.assert_allclose(fits.deviance, expected, rtol=1e-8)


def test_a_batch_gives_what_single_fits_give():
    rng = np.random.default_rng(1)
    counts = rng.poisson(truth(0.05), (2, 3, len(EDGES) - 1))
    together = poisson.fit(falling(3), counts)
    assert together.converged.all()
    for index in np.ndindex(2, 3):
        alone = poisson.fit(falling(3), counts[index])
        np.testing.assert_allclose(together.expected[index], alone.expected, rtol=1e-7)
        np.testing.assert_allclose(together.covariance[index], alone.covariance, rtol=1e-5)


def test_a_free_signal_in_one_bin_leaves_the_other_bins_to_the_background():
    rng = np.random.default_rng(2)
    counts = rng.poisson(truth(0.1), (20, len(EDGES) - 1)).astype(float)
    counts[:, 9] += 80
    template = np.eye(len(EDGES) - 1)[9]
    with_signal = poisson.fit(falling(3), counts, template=template)
    others = np.delete(np.eye(len(EDGES) - 1), 9, axis=0)
    without_bin = poisson.fit(falling(3).regrouped(others), counts @ others.T)
    background = falling(3).expected(without_bin.parameters)[:, 9]
    assert with_signal.converged.all()
    np.testing.assert_allclose(with_signal.signal, counts[:, 9] - background, rtol=1e-6)
    np.testing.assert_allclose(with_signal.deviance, without_bin.deviance, rtol=1e-8)
    # Variance of the signal: Poisson of the bin and the background's error, independent of each other.
    error = background * falling(3).log_error(without_bin.parameters, without_bin.covariance, 9)
    np.testing.assert_allclose(with_signal.covariance[:, -1, -1], counts[:, 9] + error**2, rtol=1e-4)


def test_known_events_on_top_are_not_fitted():
    offset = np.linspace(5, 50, len(EDGES) - 1)
    fits = poisson.fit(falling(3), truth(0.01) + offset, offset=offset)
    np.testing.assert_allclose(fits.expected - offset, truth(0.01), rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.002, 1.0), st.integers(2, 5))
def test_sums_and_moments_are_those_of_the_data(seed, scale, n_parameters):
    """At the maximum the score vanishes; for the constant this says that the sums are equal."""
    counts = np.random.default_rng(seed).poisson(truth(scale))
    fits = poisson.fit(falling(n_parameters), counts)
    if fits.converged:
        assert fits.expected.sum() == pytest.approx(counts.sum(), rel=1e-6)
        assert np.linalg.eigvalsh(fits.covariance).min() > -1e-9
        # Pearson residuals are orthogonal to every derivative.
        jacobian = falling(n_parameters).jacobian(fits.parameters)
        score = jacobian.T @ ((counts - fits.expected) / fits.expected)
        error = np.sqrt(np.maximum(np.diag(fits.covariance), 0))
        assert np.abs(score * error).max() < 1e-3


def test_fits_of_few_events_converge():
    counts = np.random.default_rng(3).poisson(truth(0.002), (500, len(EDGES) - 1))
    assert poisson.fit(falling(3), counts).converged.mean() > 0.99


def test_an_empty_spectrum_does_not_converge_but_does_not_fail_either():
    assert not poisson.fit(falling(5), np.zeros((1, len(EDGES) - 1))).deviance > 1e-3


def test_deviance_counts_impossible_bins_as_infinite():
    assert poisson.deviance(np.array([0.0, 2.0]), np.array([0.0, 2.0])) == 0
    assert poisson.deviance(np.array([1.0, 2.0]), np.array([0.0, 2.0])) == np.inf
    assert poisson.deviance(np.array([0.0]), np.array([3.0])) == pytest.approx(6)
