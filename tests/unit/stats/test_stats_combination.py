"""Combined categories and methods, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, norm

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.stats import combination, poisson
from resonaut.stats.loglinear import LogLinear

EDGES = np.linspace(2000, 6000, 21)


def test_deviances_of_categories_add() -> None:
    model = registry.build("stats", "dijet", {"n_parameters": 3})(EDGES)
    shape = np.diff(norm.cdf(EDGES, 3500, 200))
    rng = np.random.default_rng(1)
    truth = model.expected(np.array([0.0, 10.0, 2.0]))
    counts = rng.poisson(truth / truth.sum() * np.array([[5000.0], [300.0]]))
    shares = (0.3, 0.5)
    joint, template = combination.categories([model, model], [share * shape for share in shares])
    null = poisson.fit(joint, counts.reshape(-1))
    assert null.deviance == pytest.approx(poisson.fit(model, counts).deviance.sum(), rel=1e-9)
    free = poisson.fit(joint, counts.reshape(-1), template=template)

    def fixed(signal: float) -> float:
        parts = [
            poisson.fit(model, row, offset=signal * share * shape).deviance
            for row, share in zip(counts, shares, strict=True)
        ]
        return float(np.sum(parts))

    assert free.deviance == pytest.approx(fixed(float(free.signal)), abs=1e-8)
    error = np.sqrt(free.covariance[-1, -1])
    around = [fixed(float(free.signal + side * error)) - free.deviance for side in (-0.5, 0.5)]
    # One half of a standard deviation away: a quarter of a unit; the counts are few, and the sides differ.
    assert min(around) > 0
    assert np.mean(around) == pytest.approx(0.25, rel=0.15)


def test_penalties_of_categories_stay_their_own() -> None:
    plain = registry.build("stats", "dijet", {"n_parameters": 3})(EDGES)
    stiff = LogLinear(plain.nodes, plain.weights, penalty=np.diag([0.0, 2.0, 3.0]))
    joint, _ = combination.categories([plain, stiff], [np.zeros(20), np.zeros(20)])
    assert joint.penalty is not None
    assert np.diag(joint.penalty).tolist() == [0, 0, 0, 0, 2, 3]
    assert combination.categories([plain, plain], [np.zeros(20)] * 2)[0].penalty is None


def test_a_signal_of_other_bins_is_refused() -> None:
    model = registry.build("stats", "dijet", {"n_parameters": 3})(EDGES)
    with pytest.raises(ConfigError, match="category 1: the signal has 19 bins, the background 20"):
        combination.categories([model, model], [np.zeros(20), np.zeros(19)])


def test_independent_methods_have_the_textbook_distributions() -> None:
    z = np.array([1.5, 0.2, 2.0])
    null = np.random.default_rng(2).normal(size=(60_000, 3))
    exact = {
        "best": 1 - norm.cdf(2.0) ** 3,
        "fisher": chi2.sf(-2 * norm.logsf(z).sum(), 6),
        "stouffer": norm.sf(z.sum() / np.sqrt(3)),
    }
    for how, expected in exact.items():
        found = combination.combine(z, null, how)
        assert found.tail.p_value == pytest.approx(expected, abs=4 * found.tail.error)
    assert combination.combine(z, null, "fisher").naive == pytest.approx(exact["fisher"])
    assert combination.combine(z, null, "stouffer").naive == pytest.approx(exact["stouffer"])


def test_correlated_methods() -> None:
    """Stouffer's sum of methods with correlation 0.8 has the variance 1 + 2 0.8 in place of 1."""
    matrix = np.full((3, 3), 0.8) + 0.2 * np.eye(3)
    null = np.random.default_rng(3).multivariate_normal(np.zeros(3), matrix, 60_000)
    null[0, 1] = np.nan
    z = np.array([1.5, 1.2, 2.0])
    found = combination.combine(z, null, "stouffer")
    exact = norm.sf(z.sum() / np.sqrt(3) / np.sqrt(1 + 2 * 0.8))
    assert found.tail.p_value == pytest.approx(exact, abs=4 * found.tail.error)
    assert found.tail.n_toys == 59_999
    assert found.naive < 0.1 * exact
