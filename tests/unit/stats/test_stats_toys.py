"""P-values and limits by toys, against sums over all outcomes and against asymptotics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson as poisson_distribution

from resonaut import registry
from resonaut.errors import FitError
from resonaut.stats import toys
from resonaut.stats.envelope import Envelope
from resonaut.stats.likelihood import Likelihood, Uncertainties
from resonaut.stats.limits import upper_limits
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.signals import gaussian, window
from resonaut.stats.toy_data import draw_data

EDGES = np.arange(2500.0, 6001.0, 100.0)
IN_WINDOW = window(np.array([False, True]))


def on_off(tau):
    return LogLinear(np.ones((2, 1)), np.diag([tau, 1.0]))


def q0_of(n_on, n_off, tau):
    """On-off q0 in closed form (Li and Ma), no code of ours."""

    def term(n, mu):
        return np.where(n > 0, n * np.log(np.where(n > 0, n, 1) / mu), 0.0)

    background = (n_on + n_off) / (1 + tau)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = 2 * (term(n_on, background) + term(n_off, tau * background))
    return np.where(n_on > n_off / tau, q, 0.0)


def exact_p_value(n_on, n_off, tau):
    """Sum of the probabilities of all outcomes at least as extreme, at the fitted background."""
    background = (n_on + n_off) / (1 + tau)
    on, off = np.meshgrid(np.arange(60), np.arange(400), indexing="ij")
    probability = poisson_distribution.pmf(on, background) * poisson_distribution.pmf(off, tau * background)
    return probability[q0_of(on, off, tau) >= q0_of(n_on, n_off, tau) - 1e-9].sum()


@pytest.mark.parametrize(("n_on", "n_off", "tau"), [(5, 12, 10.0), (3, 4, 4.0), (9, 90, 20.0)])
def test_at_low_counts_toys_give_the_exact_p_value(n_on, n_off, tau):
    likelihood = ProfileLikelihood(on_off(tau), np.array([n_off, n_on]))
    found = toys.discovery_by_toys(likelihood, 8000, np.random.default_rng(1))
    exact = exact_p_value(n_on, n_off, tau)
    assert found.p_value == pytest.approx(exact, abs=4 * found.error)
    assert found.n_toys + found.n_failed == 8000


def test_toys_of_a_template_likelihood_and_of_a_maker_give_the_same():
    model, counts = on_off(10.0), np.array([[12, 5]])
    likelihood = Likelihood(model, counts, IN_WINDOW, Uncertainties(spurious=0.5))
    found = toys.discovery_by_toys(likelihood, 3000, np.random.default_rng(2))
    given = toys.p_value(
        lambda counts, auxiliary: Likelihood(
            model, counts, IN_WINDOW, Uncertainties(spurious=0.5), auxiliary
        ),
        float(likelihood.discovery().q0[0]),
        likelihood.null.expected[0],
        3000,
        np.random.default_rng(2),
        likelihood.null.nuisances[0],
    )
    assert given == found
    without = toys.discovery_by_toys(Likelihood(model, counts, IN_WINDOW), 3000, np.random.default_rng(2))
    assert without.p_value < found.p_value


def test_at_high_counts_toys_agree_with_the_asymptotic_p_value():
    model = registry.build("stats", "dijet", {"n_parameters": 3})(EDGES)
    shape = model.expected(np.array([0.0, 12.0, 1.0]))
    signal = gaussian(EDGES, 3520.0, 120.0)
    counts = np.round(3000 * shape / shape.sum() + 35 * signal.nominal)
    likelihood = Likelihood(model, counts, signal, Uncertainties(acceptance=0.1, spurious=5.0))
    found = toys.discovery_by_toys(likelihood, 2000, np.random.default_rng(3))
    assert 0.05 < found.p_value < 0.2
    assert found.p_value == pytest.approx(float(likelihood.discovery().p_value), abs=4 * found.error)
    family = Envelope([likelihood])
    same = toys.discovery_by_toys(family, 2000, np.random.default_rng(3))
    assert same.p_value == pytest.approx(found.p_value, abs=2e-3)


def test_a_deficit_has_a_p_value_of_one():
    likelihood = ProfileLikelihood(on_off(10.0), np.array([40, 2]))
    assert toys.discovery_by_toys(likelihood, 200, np.random.default_rng(0)).p_value == 1


def test_limit_without_events_is_that_of_an_exponential():
    """n = 0: CLs = exp(-s), whatever the background; expected -2 sigma is the same at small backgrounds."""
    likelihood = ProfileLikelihood(on_off(1000.0), np.array([800, 0]))
    limit = toys.upper_limit_by_toys(likelihood, 4000, np.random.default_rng(4))
    assert limit.observed == pytest.approx(np.log(20), abs=4 * limit.error)
    assert limit.error < 0.15
    assert limit.expected[0] == pytest.approx(np.log(20), abs=0.3)
    # The asymptotic limit is 25 % too strong.
    assert upper_limits(likelihood).observed < 2.4


def test_limits_of_many_events_are_the_asymptotic_ones():
    likelihood = Likelihood(
        on_off(4.0), np.array([[800, 215], [800, 190]]), IN_WINDOW, Uncertainties(luminosity=0.05)
    )
    limit = toys.upper_limit_by_toys(likelihood, 3000, np.random.default_rng(5), row=1)
    wanted = upper_limits(likelihood)
    assert limit.observed == pytest.approx(wanted.observed[1], abs=4 * limit.error)
    np.testing.assert_allclose(limit.expected, wanted.expected[1], rtol=0.12)
    assert limit.n_failed == 0


def test_drawn_data_follow_the_hypothesis():
    penalty = np.diag([4.0, 0.0])
    nodes = np.array([[1.0, 0], [0, 1], [1, 1]])
    model = LogLinear(nodes, np.diag([20.0, 30, 5]), penalty)
    signal = window(np.array([0, 0, 1]))
    likelihood = Likelihood(model, np.array([22, 28, 9]), signal, Uncertainties(spurious=1.0))
    hypothesis = likelihood.hypothesis(np.array([3.0]), np.array([0]))
    drawn = draw_data(hypothesis, 20_000, np.random.default_rng(6), penalty)
    mean = hypothesis.counts[0]
    np.testing.assert_allclose(drawn.counts.mean(axis=0), mean, atol=5 * np.sqrt(mean.max() / 20_000))
    np.testing.assert_allclose(drawn.counts.var(axis=0), mean, rtol=0.06)
    assert drawn.auxiliary.mean() == pytest.approx(hypothesis.auxiliary[0, 0], abs=0.03)
    assert drawn.auxiliary.std() == pytest.approx(1, abs=0.03)
    # The prior of precision 4 is an auxiliary measurement of error 1/2; the other parameter has none.
    assert drawn.centre[:, 0].std() == pytest.approx(0.5, abs=0.02)
    assert drawn.centre[:, 1].std() < 1e-12
    counts = toys.draw(model, np.zeros(2), 5000, np.random.default_rng(0), signal=np.array([0.0, 0, 7]))
    np.testing.assert_allclose(counts.mean(axis=0), [20, 30, 12], rtol=0.02)


def test_failed_toys_are_left_out_and_counted(monkeypatch):
    likelihood = ProfileLikelihood(on_off(10.0), np.array([12, 5]))
    genuine = ProfileLikelihood.discovery

    def sometimes(self):
        found = genuine(self)
        if found.q0.ndim and len(found.q0) > 1:
            found.q0[::4] = np.nan
        return found

    monkeypatch.setattr(ProfileLikelihood, "discovery", sometimes)
    found = toys.discovery_by_toys(likelihood, 1000, np.random.default_rng(0))
    assert (found.n_toys, found.n_failed) == (750, 250)
    with pytest.raises(FitError, match="all 10 toys failed"):
        toys.p_value(
            lambda counts: ProfileLikelihood(on_off(10.0), 0 * counts),
            1.0,
            np.array([12, 5.0]),
            10,
            np.random.default_rng(0),
        )
    empty = ProfileLikelihood(on_off(10.0), np.array([0, 0]))
    with pytest.raises(FitError, match="fits to the data did not converge"):
        toys.discovery_by_toys(empty, 10, np.random.default_rng(0))
    with pytest.raises(FitError, match="fits to the data did not converge"):
        toys.upper_limit_by_toys(empty, 10, np.random.default_rng(0))


def test_few_expected_events_ask_for_toys():
    assert toys.needs_toys(np.array([0.3, 9.9, 10.0, np.nan])).tolist() == [True, True, False, False]
    assert toys.needs_toys(4.0, threshold=3.0) == np.False_
