"""The spurious signal of a background function."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from resonaut import registry
from resonaut.stats import poisson, spurious
from resonaut.stats.loglinear import LogLinear

EDGES = np.arange(2500.0, 5001.0, 50.0)
MASSES = np.arange(3000.0, 4501.0, 100.0)


def build(name, n):
    return registry.build("stats", name, {"n_parameters": n})(EDGES)


def peaks(width=0.03):
    edges = norm.cdf(EDGES[None, :], MASSES[:, None], width * MASSES[:, None])
    return np.diff(edges, axis=1)


def asimov(name, parameters, n_events):
    shape = build(name, len(parameters)).expected(np.array(parameters))
    return n_events * shape / shape.sum()


def test_a_function_fakes_nothing_on_its_own_expectation():
    truth = asimov("dijet", [0.0, 9.0, 4.0], 1e5)[None]
    found = spurious.measure(build("dijet", 3), truth, peaks(), MASSES, 200.0)
    assert found.signal.shape == found.error.shape == (1, len(MASSES))
    assert (np.abs(found.signal) < 1e-4 * found.error).all()
    assert (found.relative < 1e-4).all()
    # The error is that of a fit, larger than the square root of the background below the peak.
    below = (truth[0] * peaks() / peaks().max(axis=1, keepdims=True)).sum(axis=1)
    assert (found.error[0] > np.sqrt(below)).all()


def test_a_wrong_function_fakes_what_a_direct_fit_finds():
    """One bin of signal over two of background, one rate: everything by hand."""
    model = LogLinear(np.ones((3, 1)), np.eye(3))
    truths = np.array([[100.0, 80.0, 60.0], [100.0, 130.0, 100.0]])
    template = np.array([0.0, 1.0, 0.0])
    found = spurious.measure(model, truths, [template], np.array([1.0]), 0.0)
    # The side bins have the mean of 80 and 100, and the middle bin is described by the signal.
    np.testing.assert_allclose(found.signal[:, 0], [0.0, 30.0], atol=1e-6)
    np.testing.assert_allclose(found.error[:, 0], np.sqrt([80 + 40, 130 + 50]), rtol=1e-6)
    assert found.events == pytest.approx([30.0])
    assert found.relative == pytest.approx([30 / np.sqrt(180)])


def test_bias_scales_with_luminosity_and_its_significance_with_the_root():
    """A pure power law is fitted to a dijet-like fall: biased, at a mass, in proportion to the events."""
    few, many = (asimov("dijet", [0.0, 9.0, 4.0, -0.3], n)[None] for n in (1e4, 1e6))
    small, large = (
        spurious.measure(build("power_law", 2), truth, peaks(), MASSES, 0.0) for truth in (few, many)
    )
    np.testing.assert_allclose(large.signal, 100 * small.signal, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(large.relative, 10 * small.relative, rtol=1e-4, atol=1e-6)
    assert large.relative.max() > 5
    # With an order that suffices it is gone.
    assert spurious.measure(build("dijet", 4), many, peaks(), MASSES, 0.0).relative.max() < 1e-3


def test_the_largest_of_candidates_and_neighbours_counts():
    sizes = np.array([[1.0, 5.0, 2.0, np.nan], [3.0, 0.0, np.nan, np.nan]])
    masses = np.array([1000.0, 1100.0, 1200.0, 1500.0])
    np.testing.assert_array_equal(spurious.largest(sizes, masses, 0.0), [3.0, 5.0, 2.0, np.nan])
    np.testing.assert_array_equal(spurious.largest(sizes, masses, 100.0), [5.0, 5.0, 5.0, np.nan])
    np.testing.assert_array_equal(spurious.largest(sizes, masses, 300.0), [5.0, 5.0, 5.0, 2.0])


def test_a_zero_of_the_bias_does_not_hide_it():
    truth = asimov("dijet", [0.0, 9.0, 4.0, -0.3], 1e6)[None]
    alone = spurious.measure(build("power_law", 2), truth, peaks(), MASSES, 0.0)
    near = spurious.measure(build("power_law", 2), truth, peaks(), MASSES, 300.0)
    assert np.sign(alone.signal[0]).min() == -1
    assert np.sign(alone.signal[0]).max() == 1
    assert (near.events >= alone.events).all()
    assert near.events.min() > 2 * alone.events.min()


def test_candidates_are_fits_of_other_families_to_the_data():
    counts = np.random.default_rng(3).poisson(asimov("dijet", [0.0, 9.0, 4.0, -0.3], 2e5))
    names = (("modified_dijet", 4), ("ua2", 4), ("exponential", 4))
    truths = spurious.asimov([build(*name) for name in names], counts)
    assert truths.shape == (3, len(counts))
    np.testing.assert_allclose(truths.sum(axis=1), counts.sum(), rtol=1e-6)
    np.testing.assert_allclose(truths[1], poisson.fit(build("ua2", 4), counts).expected)
    found = spurious.measure(build("dijet", 4), truths, peaks(), MASSES, 200.0)
    assert np.isfinite(found.events).all()
    # Families of four parameters agree within the statistical error of the data that they are fitted to.
    assert (found.relative < 1).all()
    assert (found.relative > 1e-3).all()


def test_each_mass_may_have_its_own_model_and_a_failed_candidate_counts_as_nothing():
    truth = asimov("dijet", [0.0, 9.0, 4.0], 1e5)
    truths = np.stack([truth, np.full_like(truth, np.nan)])
    models = [build("power_law", 2), build("dijet", 3)]
    found = spurious.measure(models, [truths, truths], peaks()[:2], MASSES[:2], 0.0)
    assert found.events[0] > 1
    assert found.events[1] < 1e-2
    assert np.isnan(found.signal[1]).all()
