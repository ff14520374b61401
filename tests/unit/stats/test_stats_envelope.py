"""The envelope of background families."""

from __future__ import annotations

import numpy as np
import pytest

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.stats.envelope import Envelope
from resonaut.stats.likelihood import Likelihood, Uncertainties
from resonaut.stats.limits import upper_limits
from resonaut.stats.loglinear import integrate
from resonaut.stats.signals import gaussian

EDGES = np.arange(2500.0, 6001.0, 100.0)
SIGNAL = gaussian(EDGES, 3520.0, 250.0)


def dijet(n_parameters):
    return registry.build("stats", "dijet", {"n_parameters": n_parameters})(EDGES)


def exponential():
    """Density exp(a - b m): one parameter too few for what follows."""
    return integrate(lambda mass: np.stack([np.ones_like(mass), -mass / 1000], axis=-1), EDGES)


def truth(events=20_000):
    shape = dijet(3).expected(np.array([0.0, 12.0, 1.0]))
    return events * shape / shape.sum()


def test_one_family_is_its_own_envelope():
    counts = np.random.default_rng(0).poisson(truth(), (4, 35))
    alone = Likelihood(dijet(3), counts, SIGNAL, Uncertainties(spurious=20.0))
    family = Envelope([alone])
    one, two = family.discovery(), alone.discovery()
    for name in vars(two):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), atol=1e-8)
    np.testing.assert_allclose(upper_limits(family).observed, upper_limits(alone).observed, rtol=1e-6)
    np.testing.assert_allclose(upper_limits(family).expected, upper_limits(alone).expected, rtol=1e-6)
    np.testing.assert_allclose(family.interval(), alone.interval(), rtol=1e-6)
    np.testing.assert_allclose(family.pulls().values, alone.pulls().values)
    np.testing.assert_allclose(family.impacts().up, alone.impacts().up)
    np.testing.assert_allclose(family.correlation(), alone.correlation())


def test_the_best_family_counts_and_parameters_cost():
    counts = np.random.default_rng(1).poisson(truth(), (30, 35))
    families = [Likelihood(dijet(n), counts, SIGNAL) for n in (3, 4)]
    rows = np.arange(30)
    signal = np.full(30, 25.0)
    three, four = (family.deviance(signal, rows) for family in families)
    np.testing.assert_allclose(Envelope(families, 0.0).deviance(signal, rows), four + 0 * three, atol=1e-6)
    costly = Envelope(families, 1.0)
    np.testing.assert_allclose(costly.deviance(signal, rows), np.minimum(three + 3, four + 4), atol=1e-6)
    gain = families[0].free.deviance - families[1].free.deviance
    assert costly.chosen.tolist() == (gain > 1).astype(int).tolist()
    assert 0 < costly.chosen.sum() < 30


def test_a_family_that_is_wrong_biases_and_the_envelope_covers():
    rng = np.random.default_rng(2)
    counts = rng.poisson(truth(20_000), (120, 35))
    wrong = Likelihood(exponential(), counts, SIGNAL)
    right = Likelihood(dijet(3), counts, SIGNAL)
    family = Envelope([wrong, right])

    def coverage(likelihood):
        low, high = likelihood.interval()
        return ((low <= 0) & (high >= 0)).mean()

    assert coverage(wrong) < 0.4
    error = np.sqrt(0.6827 * 0.3173 / 120)
    assert coverage(right) == pytest.approx(0.6827, abs=3.5 * error)
    assert coverage(family) > 0.6827 - 3.5 * error


def test_where_families_compete_limits_are_wider():
    """Data that both describe: each family alone knows less than nothing of the other's answer."""
    counts = truth(500)[None]
    families = [Likelihood(dijet(2), counts, SIGNAL), Likelihood(dijet(4), counts, SIGNAL)]
    low, high = Envelope(families, 0.0).interval()
    narrow_low, narrow_high = families[0].interval()
    assert high - low > narrow_high - narrow_low
    limits = upper_limits(Envelope(families, 0.0))
    assert limits.observed[0] > upper_limits(families[0]).observed[0]
    assert (np.diff(limits.expected[0]) > 0).all()


def test_families_must_describe_the_same_data():
    counts = truth()
    with pytest.raises(ConfigError, match="at least one family"):
        Envelope([])
    with pytest.raises(ConfigError, match="same counts with the same nuisance"):
        Envelope(
            [Likelihood(dijet(3), counts, SIGNAL), Likelihood(dijet(3), np.stack([counts, counts]), SIGNAL)]
        )
    with pytest.raises(ConfigError, match=r"must be >= 0 per parameter, got -1"):
        Envelope([Likelihood(dijet(3), counts, SIGNAL)], -1.0)
