"""Histograms as counts: what is refused, and weighted ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.errors import BadValueError, EmptyFileError
from resonaut.stats import poisson
from resonaut.stats.loglinear import integrate
from resonaut.stats.weighted import check_counts, effective_counts


def test_counts_with_empty_bins_are_fine():
    found = check_counts([3, 0, 0, 12.0000001], "a.csv")
    assert found.dtype == float
    assert found.tolist() == [3, 0, 0, 12]


@pytest.mark.parametrize(
    ("counts", "error", "words"),
    [
        ([3, -1, 4], BadValueError, r"a.csv: bin 1 holds -1; a number of events is not negative. Merge"),
        ([-3, -1, 4], BadValueError, r"a.csv: bin 0 holds -3 \(1 more bins\); a number"),
        ([3, np.nan, 4], BadValueError, "a.csv: bin 1 holds nan; a finite number"),
        ([3, np.inf, 4], BadValueError, "a.csv: bin 1 holds inf; a finite number"),
        ([3, 2.5, 4], BadValueError, "a.csv: bin 1 holds 2.5; a whole number .* give the errors too"),
        ([0, 0], EmptyFileError, "a.csv: all 2 bins are empty"),
    ],
)
def test_what_is_no_number_of_events_is_named(counts, error, words):
    with pytest.raises(error, match=words):
        check_counts(counts, "a.csv")


def test_sums_of_weights_need_not_be_whole():
    assert check_counts([2.5, 0.1], "a.csv", weighted=True).tolist() == [2.5, 0.1]
    with pytest.raises(BadValueError, match=r"holds -0\.1"):
        check_counts([2.5, -0.1], "a.csv", weighted=True)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=1, max_size=20), st.floats(1e-3, 1e3))
def test_equal_weights_give_back_the_events(events, weight):
    events = np.array(events, float)
    if events.sum() == 0:
        return
    found = effective_counts(weight * events, weight**2 * events, "a.csv")
    np.testing.assert_allclose(found.counts, events, rtol=1e-9)
    assert found.factor == pytest.approx(1 / weight)
    assert found.worst_ratio == pytest.approx(1)


def test_the_sum_is_the_effective_number_of_entries():
    rng = np.random.default_rng(1)
    weights, place = rng.uniform(0.2, 3, 1000), rng.integers(0, 10, 1000)
    sums, squares = np.bincount(place, weights), np.bincount(place, weights**2)
    found = effective_counts(sums, squares, "a.csv")
    assert found.counts.sum() == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert 1 < found.worst_ratio < 1.6


def test_errors_of_a_fit_to_effective_counts_are_right():
    """The mean of many weighted toys has the spread that the fit says, after division by the factor."""
    rng = np.random.default_rng(2)
    flat = integrate(lambda mass: np.ones((len(mass), 1)), np.arange(6.0))
    toys = [rng.exponential(1.0, rng.poisson(100, 5).sum()) for _ in range(600)]
    places = [rng.integers(0, 5, len(toy)) for toy in toys]
    sums = np.array([np.bincount(p, t, 5) for p, t in zip(places, toys, strict=True)])
    squares = np.array([np.bincount(p, t**2, 5) for p, t in zip(places, toys, strict=True)])
    found = effective_counts(sums, squares, "toys")
    fits = poisson.fit(flat, found.counts)
    mean = np.exp(fits.parameters[:, 0]) / found.factor
    error = mean * np.sqrt(fits.covariance[:, 0, 0])
    assert mean.mean() == pytest.approx(100, abs=1)
    assert error.mean() == pytest.approx(mean.std(), rel=0.08)
    # Weights from an exponential distribution: two entries count as one.
    assert found.factor.mean() == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("variance", [-1.0, np.nan, 0.0])
def test_errors_that_cannot_be_are_named(variance):
    with pytest.raises(BadValueError, match=r"a.root: bin 1 holds 3 with a variance of .* positive error"):
        effective_counts([2.0, 3.0], [1.0, variance], "a.root")
    assert effective_counts([2.0, 0.0], [1.0, 0.0], "a.root").counts.tolist() == [4.0, 0.0]
