"""Laplace's approximation against integrals, autograd and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from resonaut.nn import laplace


def toy(n=300, seed=1, slope=1.5, shift=-0.4):
    """Rows of one input, and whether they are of class 1 with log odds slope x + shift."""
    random = np.random.default_rng(seed)
    x = random.normal(0, 1, (n, 1))
    label = random.random(n) < laplace.probabilities(slope * x + shift)[:, 0]
    return x, label.astype(float)


def log_posterior(parameters, x, label, weight, precision):
    """(n_points,) of (n_points, 2) parameters, up to a constant."""
    logits = parameters @ laplace.with_one(x).T
    likelihood = label * logits - np.logaddexp(0, logits)
    return likelihood @ weight - 0.5 * precision * (parameters**2).sum(1)


@pytest.mark.parametrize("precision", [0.1, 5.0])
def test_logistic_posterior_is_that_of_a_numerical_integral(precision):
    x, label = toy()
    weight = np.random.default_rng(2).uniform(0.5, 1.5, len(x))
    best = minimize(lambda t: -log_posterior(t[None], x, label, weight, precision)[0], [0.0, 0.0]).x
    found = laplace.fit(x, best[None], weight, precision)
    width = np.sqrt(np.diag(found.covariance()))
    axes = [np.linspace(b - 6 * w, b + 6 * w, 161) for b, w in zip(best, width, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    value = log_posterior(grid, x, label, weight, precision)
    share = np.exp(value - value.max())
    share /= share.sum()
    mean = share @ grid
    covariance = (grid - mean).T @ ((grid - mean) * share[:, None])
    # The posterior of 300 rows is a Gaussian to a few per cent of its width.
    assert np.abs((mean - best) / width).max() < 0.15
    assert np.allclose(found.covariance(), covariance, rtol=0.1)
    # What is predicted, at x = 3 where there are few rows.
    integral = share @ laplace.probabilities((grid @ [3.0, 1.0])[:, None])[:, 0]
    drawn = found.drawn(40_000, np.random.default_rng(3))[:, 0] @ np.array([3.0, 1.0])
    assert laplace.probabilities(drawn[:, None]).mean() == pytest.approx(integral, abs=0.006)


def test_draws_have_the_covariance():
    x, _ = toy(80)
    found = laplace.fit(x, np.array([[1.0, 0.0]]), np.ones(80), 0.5)
    drawn = found.drawn(100_000, np.random.default_rng(1))
    assert drawn.shape == (100_000, 1, 2)
    assert np.allclose(np.cov(drawn[:, 0].T), found.covariance(), rtol=0.03)
    assert np.allclose(
        np.linalg.inv(found.covariance()), laplace.gauss_newton(x, found.mean, np.ones(80)) + 0.5 * np.eye(2)
    )


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_the_matrix_is_the_hessian_of_the_loss(n_outputs):
    random = np.random.default_rng(4)
    inputs, mean = random.normal(size=(5000, 2)), random.normal(size=(n_outputs, 3))
    weight = random.uniform(0, 2, 5000)
    label = torch.from_numpy(random.integers(0, max(2, n_outputs), 5000))
    rows, weights = torch.from_numpy(laplace.with_one(inputs)), torch.from_numpy(weight)

    def loss(flat):
        logits = rows @ flat.reshape(n_outputs, 3).T
        if n_outputs == 1:
            function = torch.nn.functional.binary_cross_entropy_with_logits
            return (weights * function(logits[:, 0], label.double(), reduction="none")).sum()
        return (weights * torch.nn.functional.cross_entropy(logits, label, reduction="none")).sum()

    hessian = torch.autograd.functional.hessian(loss, torch.from_numpy(mean.ravel()))
    assert np.allclose(laplace.gauss_newton(inputs, mean, weight), hessian.numpy(), rtol=1e-9, atol=1e-9)


def test_precision_satisfies_the_equation_of_mackay():
    """At the maximum of the evidence p |t|^2 is the effective number of parameters, sum h / (h + p)."""
    x, _ = toy(500)
    found = laplace.fit(x, np.array([[1.5, -0.4]]), np.ones(500))
    effective = (found.values / (found.values + found.precision)).sum()
    assert found.precision * (found.mean**2).sum() == pytest.approx(effective, rel=1e-4)


def test_evidence_of_a_gaussian_likelihood_is_its_integral():
    """ln of the integral of exp(-h (t - m)^2 / 2) N(t; 0, 1 / p), expanded about t = m."""
    h, m = 4.0, 0.0
    t = np.linspace(-20, 20, 200_001)
    for precision in (0.3, 2.0):
        density = np.exp(-0.5 * h * (t - m) ** 2 - 0.5 * precision * t**2) * np.sqrt(precision / (2 * np.pi))
        exact = np.log(density.sum() * (t[1] - t[0]))
        assert laplace.log_evidence(np.log(precision), np.array([h]), m**2) == pytest.approx(exact, abs=1e-8)


def test_more_rows_give_narrower_posteriors():
    widths = []
    for n in (100, 1000, 10_000):
        x, _ = toy(n)
        widths.append(
            np.sqrt(np.trace(laplace.fit(x, np.array([[1.5, -0.4]]), np.ones(n), 1.0).covariance()))
        )
    assert widths[0] / widths[1] == pytest.approx(10**0.5, rel=0.2)
    assert widths[1] / widths[2] == pytest.approx(10**0.5, rel=0.1)
