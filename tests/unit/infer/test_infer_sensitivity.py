"""Expected significances, against the closed form of an on/off measurement."""

from __future__ import annotations

import numpy as np
import pytest

from resonaut import registry
from resonaut.infer.sensitivity import expected_significance, signal_for
from resonaut.stats import signals
from resonaut.stats.envelope import Envelope
from resonaut.stats.likelihood import Likelihood, Uncertainties
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.transfer import window_model


def asimov_z(signal, background, sigma):
    """Median significance of a count with a background known to sigma (Cowan, PHYSTAT 2012; Li and Ma)."""
    variance, total = sigma**2, signal + background
    first = total * np.log(total * (background + variance) / (background**2 + total * variance))
    second = background**2 / variance * np.log1p(variance * signal / (background * (background + variance)))
    return np.sqrt(2 * (first - second))


def on_off(on, off, tau):
    """One side-band bin `tau` times as wide as the signal region, and one free rate."""
    model = LogLinear(np.ones((2, 1)), np.diag([tau, 1.0]))
    return ProfileLikelihood(model, np.stack([off, on], axis=-1))


def test_expected_significance_is_the_closed_form_of_an_on_off_measurement():
    off, tau = np.array([100.0, 40.0, 400.0]), 4.0
    likelihood = on_off(np.array([31.0, 2.0, 90.0]), off, tau)
    signal = np.array([20.0, 5.0, 1.0])
    found = expected_significance(likelihood, signal, np.arange(3))
    np.testing.assert_allclose(found, asimov_z(signal, off / tau, np.sqrt(off) / tau), rtol=1e-6)


def test_what_is_seen_in_the_signal_region_does_not_matter():
    off = np.array([100.0, 100.0])
    likelihood = on_off(np.array([0.0, 900.0]), off, 4.0)
    found = signal_for(likelihood, 5, np.arange(2))
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize("z", [3, 5])
def test_signal_for_a_significance_has_it(z):
    edges = np.arange(2500.0, 5001.0, 100.0)
    spectrum = registry.build("stats", "dijet", {"n_parameters": 3})(edges)
    inside = (edges[:-1] >= 3300) & (edges[:-1] < 3700)
    shape = np.exp(-edges[:-1] / 450)
    total = np.random.default_rng(1).poisson(20_000 * shape / shape.sum(), (3, len(shape)))
    selected = np.random.default_rng(2).binomial(total, 0.02)
    model = window_model(spectrum, edges, inside, ~inside, 2)
    likelihood = ProfileLikelihood(model.model, model.arrange(selected, total - selected))
    likelihood.converged[1] = False
    signal = signal_for(likelihood, z, np.array([0, 1, 2]))
    assert np.isnan(signal[1])
    rows = np.array([0, 2])
    np.testing.assert_allclose(expected_significance(likelihood, signal[rows], rows), z, rtol=1e-6)
    b = likelihood.background[rows]
    assert asimov_z(signal[rows], b, b * likelihood.log_error[rows]) == pytest.approx(z, rel=0.02)


def test_a_template_of_one_bin_is_a_counting_experiment():
    off, tau = np.array([100.0, 40.0]), 4.0
    exact = on_off(np.array([31.0, 12.0]), off, tau)
    template = signals.window(np.array([False, True]))
    same = Likelihood(exact.model, exact.counts, template)
    signal, rows = np.array([20.0, 5.0]), np.arange(2)
    wanted = expected_significance(exact, signal, rows)
    for likelihood in (same, Envelope([same, same])):
        np.testing.assert_allclose(expected_significance(likelihood, signal, rows), wanted, rtol=1e-6)
        np.testing.assert_allclose(signal_for(likelihood, 3, rows), signal_for(exact, 3, rows), rtol=1e-6)


def test_what_may_be_fake_takes_significance_away():
    """The background's variance grows by that of the spurious signal; with many events that is a Gaussian."""
    off, tau, fake = np.array([4e6]), 4.0, 1000.0
    exact = on_off(np.array([1e6]), off, tau)
    template = signals.window(np.array([False, True]))
    uncertain = Likelihood(exact.model, exact.counts, template, Uncertainties(spurious=fake))
    found = expected_significance(uncertain, np.array([5000.0]), np.array([0]))
    assert found[0] == pytest.approx(5000 / np.sqrt(1e6 + 1e6 / tau + fake**2), rel=0.01)
