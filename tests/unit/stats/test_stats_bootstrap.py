"""The bootstrap of events and the tail of a maximum, against closed forms and parametric toys."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from resonaut.stats import bootstrap


def test_cells_hold_every_event_once() -> None:
    rng = np.random.default_rng(1)
    place = rng.integers(-1, 5, 1000)
    passes = rng.uniform(size=(11, 1000)) < 0.2
    found = bootstrap.cells(place, passes, 5)
    inside = place >= 0
    for test in range(11):
        expected = np.bincount(place[passes[test] & inside], minlength=5)
        assert found.spectra(found.n_events[None], test)[0].tolist() == expected.tolist()
    assert found.spectra(found.n_events[None])[0].tolist() == np.bincount(place[inside], minlength=5).tolist()
    keys = {(p, *row) for p, row in zip(found.place, found.passes, strict=True)}
    assert len(keys) == len(found.n_events)


def test_replicas_have_the_correlation_of_shared_events() -> None:
    """Two tests of 400 and 100 events that share 50: correlation 50 / sqrt(400 100)."""
    passes = np.zeros((2, 450), bool)
    passes[0, :400], passes[1, 350:] = True, True
    found = bootstrap.cells(np.zeros(450, int), passes, 1)
    assert sorted(found.n_events.tolist()) == [50, 50, 350]
    numbers = found.replicas(20_000, np.random.default_rng(2))
    one, other = found.spectra(numbers, 0)[:, 0], found.spectra(numbers, 1)[:, 0]
    assert one.mean() == pytest.approx(400, abs=0.6)
    assert one.var() == pytest.approx(400, rel=0.05)
    assert np.corrcoef(one, other)[0, 1] == pytest.approx(0.25, abs=0.03)


def test_tail_of_independent_and_of_equal_tests() -> None:
    rng = np.random.default_rng(3)
    for level in (1.0, 3.0, 8.0):
        value, error = bootstrap.tail_of_maximum(np.eye(6), level, rng)
        exact = -np.expm1(6 * norm.logcdf(level))
        assert value == pytest.approx(exact, abs=4 * error + 1e-9 * exact)
        assert error < 0.01 * value
        value, error = bootstrap.tail_of_maximum(np.ones((6, 6)), level, rng)
        assert value == pytest.approx(norm.sf(level), rel=1e-6)


def test_tail_of_two_correlated_tests() -> None:
    matrix = np.array([[1.0, 0.7], [0.7, 1.0]])
    value, error = bootstrap.tail_of_maximum(matrix, 2.5, np.random.default_rng(4), 100_000)
    exact = 1 - multivariate_normal([0, 0], matrix).cdf([2.5, 2.5])
    assert value == pytest.approx(exact, abs=4 * error)
    assert error / value < 0.01


def test_trials_of_planted_significances() -> None:
    rng = np.random.default_rng(5)
    replicas = rng.normal([2.0, -1.0, 0.5], [1.0, 2.0, 0.5], (20_000, 3))
    found = bootstrap.trials(np.array([2.4, np.nan, 1.0]), replicas, rng)
    assert (found.best, found.z_max) == (0, 2.4)
    exact = 1 - norm.cdf(2.4) ** 2
    assert found.tail.p_value == pytest.approx(exact, abs=4 * found.tail.error)
    assert found.gaussian == pytest.approx(exact, rel=0.03)
    assert found.effective == pytest.approx(2, rel=0.03)


def test_nothing_usable_gives_nan() -> None:
    found = bootstrap.trials(np.array([np.nan]), np.full((10, 1), np.nan), np.random.default_rng(6))
    assert found.best == -1
    assert np.isnan(found.tail.p_value)


def _counting(n: np.ndarray, b: float) -> np.ndarray:
    """Signed root of the likelihood ratio of a count with a known expectation."""
    ratio = np.where(n > 0, n * np.log(np.maximum(n, 1) / b), 0) - n + b
    return np.sign(n - b) * np.sqrt(2 * np.maximum(ratio, 0))


@pytest.mark.parametrize("mean", [15.0, 100.0])
def test_calibrated_on_null_toys(mean: float) -> None:
    """Twelve windows of overlapping selections, each with a known mean: the rate of p < 0.1."""
    rng = np.random.default_rng(7)
    n_tests, n_null = 12, 400
    weights = rng.uniform(size=(n_tests, 4000)) < 0.25
    weights[1::2] = weights[::2] ^ (rng.uniform(size=(n_tests // 2, 4000)) < 0.1)
    chance = mean / 1000
    expected = weights.sum(axis=1) * chance
    p = []
    for _ in range(n_null):
        events = np.repeat(np.arange(4000), rng.poisson(chance, 4000))
        found = bootstrap.cells(np.zeros(len(events), int), weights[:, events], 1)
        numbers = found.replicas(250, rng)
        replicas = _counting(numbers @ found.passes, expected[None])
        z = _counting(weights[:, events].sum(axis=1).astype(float), expected)
        p.append(bootstrap.trials(z, replicas, rng, 200).tail.p_value)
    rate = np.mean(np.array(p) < 0.1)
    assert rate == pytest.approx(0.1, abs=3.5 * np.sqrt(0.1 * 0.9 / n_null))
    assert np.mean(p) == pytest.approx(0.5, abs=0.06)
