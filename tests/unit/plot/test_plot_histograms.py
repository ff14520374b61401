"""Contents and errors of histograms, and round bins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonaut.plot.histograms import Histogram, nice_edges, whole_edges
from resonaut.plot.intervals import garwood


def test_counts_have_garwood_errors():
    histogram = Histogram.of(np.array([0.1, 0.2, 1.5]), np.array([0, 1, 2, 3]))
    np.testing.assert_array_equal(histogram.values, [2, 1, 0])
    lower, upper = garwood(np.array([2, 1, 0]))
    np.testing.assert_array_equal(histogram.lower, lower)
    np.testing.assert_array_equal(histogram.upper, upper)
    np.testing.assert_array_equal(histogram.centres, [0.5, 1.5, 2.5])


def test_weights_have_the_root_of_their_squares_as_error():
    histogram = Histogram.of(np.array([0.1, 0.2, 1.5]), np.array([0, 1, 2]), np.array([3.0, 4.0, 2.0]))
    np.testing.assert_array_equal(histogram.values, [7, 2])
    np.testing.assert_array_equal(histogram.upper - histogram.values, [5, 2])


def test_unit_area_counts_what_lies_outside():
    values = np.array([0.5, 0.5, 1.5, 99.0])
    histogram = Histogram.of(values, np.array([0, 1, 2]), unit_area=True)
    np.testing.assert_array_equal(histogram.values, [0.5, 0.25])
    assert histogram.upper[0] == pytest.approx(garwood(np.array([2]))[1][0] / 4)


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=50), st.integers(5, 60))
def test_nice_edges_are_round_and_hold_the_sample(values, n_bins):
    sample = np.array(values)
    edges = nice_edges([sample], n_bins, tail=0.0)
    width = edges[1] - edges[0]
    power = 10.0 ** np.floor(np.log10(width) + 1e-9)
    assert min(abs(width / power - step) for step in (1, 2, 2.5, 5, 10)) < 1e-4
    assert edges[0] <= sample.min() + 1e-6 * width
    assert edges[-1] >= sample.max() - 1e-6 * width
    assert len(edges) <= n_bins + 3


def test_whole_edges_hold_equal_numbers_of_integers():
    edges = whole_edges([np.arange(100.0)], 30, tail=0.0)
    np.testing.assert_array_equal(np.histogram(np.arange(100), edges)[0][:-1], 4)
    np.testing.assert_array_equal(
        whole_edges([np.array([3.0, 4.0, 6.0])], 30, tail=0.0), [2.5, 3.5, 4.5, 5.5, 6.5]
    )
