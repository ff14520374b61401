"""Intervals of the signal: closed forms, edges, and how often they cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from resonaut import registry
from resonaut.stats.likelihood import Likelihood, Uncertainties
from resonaut.stats.limits import upper_limits
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.signals import gaussian, window

EDGES = np.arange(2500.0, 6001.0, 100.0)
IN_WINDOW = window(np.array([False, True]))


def on_off(tau):
    return LogLinear(np.ones((2, 1)), np.diag([tau, 1.0]))


def rise(n, mu):
    return 2 * (mu - n + n * np.log(n / mu))


@pytest.mark.parametrize(("n", "b"), [(12, 5.0), (3, 2.0), (90, 100.0)])
@pytest.mark.parametrize("level", [0.6827, 0.95])
def test_of_one_poisson_count_the_ends_are_roots(n, b, level):
    """Known background: -2 ln L = 2 (s + b - n ln(s + b))."""
    from scipy.stats import chi2

    height = chi2(1).ppf(level)
    counts = np.array([b * 1e7, n])
    wanted = [
        brentq(lambda mu: rise(n, mu) - height, 1e-9, n) - b,
        brentq(lambda mu: rise(n, mu) - height, n, 20 * n + 20) - b,
    ]
    for likelihood in (Likelihood(on_off(1e7), counts, IN_WINDOW), ProfileLikelihood(on_off(1e7), counts)):
        np.testing.assert_allclose(likelihood.interval(level), wanted, atol=1e-3)


def test_for_many_events_the_interval_is_plus_minus_one_error():
    counts = np.array([[1e8, 1_004_000.0], [1e8, 998_000.0]])
    likelihood = Likelihood(on_off(100.0), counts, IN_WINDOW, Uncertainties(spurious=500.0))
    low, high = likelihood.interval()
    error = np.sqrt(counts[:, 1] + 1e4 + 500**2)
    np.testing.assert_allclose(low, counts[:, 1] - 1e6 - error, atol=2)
    np.testing.assert_allclose(high, counts[:, 1] - 1e6 + error, atol=2)


def test_an_empty_window_ends_the_interval_where_nothing_is_expected():
    low, high = Likelihood(on_off(1e7), np.array([3e7, 0]), IN_WINDOW).interval()
    assert low == pytest.approx(-3, abs=1e-3)
    # 2 (s + b) rises by 1.
    assert high == pytest.approx(0.5 - 3, abs=1e-3)


def test_what_did_not_converge_has_no_interval():
    low, high = Likelihood(on_off(2.0), np.array([[0, 0], [20, 15]]), IN_WINDOW).interval()
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False]


@pytest.mark.parametrize(("injected", "uncertain"), [(0.0, False), (60.0, True)])
def test_intervals_and_limits_cover(injected, uncertain):
    """300 toys of a falling spectrum with a peak, auxiliary measurements drawn too."""
    rng = np.random.default_rng(11)
    n_toys = 300
    model = registry.build("stats", "dijet", {"n_parameters": 3})(EDGES)
    shape = model.expected(np.array([0.0, 12.0, 1.0]))
    uncertainties = Uncertainties(acceptance=0.2, spurious=8.0) if uncertain else Uncertainties()
    signal = gaussian(EDGES, 3520.0, 120.0)
    true = np.array([0.0, 0.0]) if uncertain else np.zeros(0)
    auxiliary = true + rng.standard_normal((n_toys, len(true)))
    counts = rng.poisson(3000 * shape / shape.sum() + injected * signal.nominal, (n_toys, 35))
    likelihood = Likelihood(model, counts, signal, uncertainties, auxiliary)
    assert likelihood.converged.all()
    low, high = likelihood.interval()
    covered = ((low <= injected) & (injected <= high)).mean()
    assert covered == pytest.approx(0.6827, abs=3.5 * np.sqrt(0.6827 * 0.3173 / n_toys))
    error = np.sqrt(0.95 * 0.05 / n_toys)
    if injected:
        assert (upper_limits(likelihood).observed >= injected).mean() >= 0.95 - 3 * error
    pulls = (likelihood.excess - injected) / likelihood.signal_error
    assert pulls.mean() == pytest.approx(0, abs=4 / np.sqrt(n_toys))
    assert pulls.std() == pytest.approx(1, abs=4 / np.sqrt(2 * n_toys))
