"""Observables and distances against sums over pairs, scipy and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from resonaut.generate.evaluation.distances import correlation, mean_image_l1, wasserstein1
from resonaut.generate.observables import observables


def sparse_images(n, n_pixels=8, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.exponential(size=(n, n_pixels, n_pixels)) * (rng.random((n, n_pixels, n_pixels)) < 0.2)
    images[:, n_pixels // 2, n_pixels // 2] += 1
    return (images / images.sum((1, 2), keepdims=True)).astype(np.float32)


def test_two_pixels():
    """Shares 0.8 and 0.2 at a distance 0.5: mass over pt is 0.5 sqrt(0.8 * 0.2)."""
    image = np.zeros((1, 8, 8))
    image[0, 3, 4], image[0, 5, 4] = 0.8, 0.2
    found = observables(image, 1.0)
    assert found["mass_over_pt"][0] == pytest.approx(0.5 * np.sqrt(0.16))
    assert found["girth"][0] == pytest.approx(0.8 * np.hypot(0.125, 0.125) + 0.2 * np.hypot(0.375, 0.125))
    assert found["active_pixels"][0] == 2
    assert found["leading_pixel_fraction"][0] == pytest.approx(0.8)


def test_mass_is_the_sum_over_pairs():
    images = sparse_images(5)
    centre = (np.arange(8) + 0.5) * 0.3 - 1.2
    x, y = (axis.ravel() for axis in np.meshgrid(centre, centre, indexing="ij"))
    square = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    flat = images.reshape(5, -1).astype(float)
    pairs = np.einsum("ni,nj,ij->n", flat, flat, square) / 2
    np.testing.assert_allclose(observables(images, 1.2)["mass_over_pt"], np.sqrt(pairs), rtol=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.floats(0.01, 100), st.integers(0, 3))
def test_observables_do_not_see_the_scale_or_quarter_turns(scale, turns):
    images = sparse_images(4, seed=3)
    first = observables(images, 1.0)
    second = observables(np.rot90(images, turns, axes=(1, 2)) * np.float32(scale), 1.0)
    for name in first:
        np.testing.assert_allclose(second[name], first[name], rtol=1e-4)


def test_an_empty_image_has_no_nan():
    assert all(values[0] == 0 for values in observables(np.zeros((1, 4, 4)), 1.0).values())


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 50), st.integers(0, 1000))
def test_wasserstein_agrees_with_scipy(n, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=n), rng.exponential(size=n)
    assert wasserstein1(first, second) == pytest.approx(wasserstein_distance(first, second))


def test_mean_images():
    first, second = np.zeros((2, 2, 2)), np.zeros((3, 2, 2))
    first[:, 0, 0] = 1
    second[:, 1, 1] = 1
    assert mean_image_l1(first, second) == 2


def test_correlation_agrees_with_numpy_and_a_constant_column_has_none():
    values = np.random.default_rng(5).normal(size=(200, 3)) @ [[1, 0.5, 0], [0, 1, -1], [0, 0, 1]]
    np.testing.assert_allclose(correlation(values), np.corrcoef(values.T), atol=1e-12)
    assert correlation(np.column_stack([values[:, 0], np.ones(200)]))[0, 1] == 0
