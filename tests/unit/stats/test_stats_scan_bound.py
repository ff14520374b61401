"""Global p-values of few correlated windows: closed forms, and toys of normal significances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from resonaut.stats.scan_bound import bound, overlap


def test_one_window_has_no_trials():
    np.testing.assert_allclose(bound(np.array([0.0, 1.0, 3.0]), np.zeros(0)), norm.sf([0, 1, 3]))


def test_independent_windows_have_the_closed_form_of_up_crossings():
    """p + (W - 1) p (1 - p), between 1 - (1 - p)^W and W p."""
    z = np.array([1.5, 2.0, 3.0, 5.0])
    p = norm.sf(z)
    found = bound(z, np.zeros(4))
    np.testing.assert_allclose(found, p + 4 * p * (1 - p), rtol=1e-10)
    assert (found >= 1 - (1 - p) ** 5).all()
    assert (found < 5 * p).all()


def test_equal_windows_are_one_and_opposite_ones_two():
    z = np.array([1.0, 2.5])
    np.testing.assert_allclose(bound(z, np.ones(3)), norm.sf(z))
    np.testing.assert_allclose(bound(z, np.array([-1.0])), 2 * norm.sf(z), rtol=1e-5)


def test_at_level_zero_crossings_are_those_of_rice():
    for r in (0.0, 0.3, 0.9):
        assert bound(np.array(0.0), np.array([r])) == pytest.approx(0.5 + np.arccos(r) / (2 * np.pi))


def test_the_bound_is_above_toys_and_near_them():
    """A chain of 20 normal z with correlation 0.5 of neighbours."""
    rng = np.random.default_rng(1)
    steps = rng.normal(size=(200_000, 21)) / np.sqrt(2)
    z = (steps[:, 1:] + steps[:, :-1]).max(1)
    for level in (2.5, 3.0):
        toys, limit = (z >= level).mean(), bound(np.array(level), np.full(19, 0.5))
        error = np.sqrt(toys / 200_000)
        assert toys - 4 * error < limit < 1.15 * toys + 4 * error


def test_nan_stays_and_the_bound_ends_at_one():
    found = bound(np.array([np.nan, -3.0]), np.zeros(10))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1)
    assert found[1] <= 1


def test_overlap_is_the_share_of_common_events():
    inside = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], bool)
    np.testing.assert_allclose(overlap(inside, np.array([3.0, 1.0, 8.0, 5.0])), [1 / np.sqrt(4 * 9), 0])
    np.testing.assert_array_equal(overlap(inside, np.zeros(4)), [0, 0])
