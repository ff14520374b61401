"""Frechet and kernel distances on distributions whose distances are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.generate.evaluation.jet_distances import (
    frechet,
    frechet_without_bias,
    kernel_distance,
    measured,
    mmd2,
    scaled,
)

N_FEATURES = 6


def normal(n, seed, *, shift=0.0, width=1.0):
    rng = np.random.default_rng(seed)
    return shift + width * rng.standard_normal((n, N_FEATURES))


def extrapolated(first, second, seed=0):
    rng = np.random.default_rng(seed)
    return measured(
        lambda a, b: frechet_without_bias(first[a], second[b], np.random.default_rng(1)),
        *(len(first), len(second), rng),
    )


def test_frechet_of_exact_moments_is_the_closed_form():
    # Corners of a box have mean m and the covariance diag(s^2 8/7), without any noise.
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, 8).T
    first, second = corners * [1, 2, 3], corners * [2, 2, 1] + [1, 0, -2]
    expected = 5 + (8 / 7) * ((1 - 2) ** 2 + 0 + (3 - 1) ** 2)
    assert frechet(first, second) == pytest.approx(expected, rel=1e-12)


def test_frechet_of_covariances_that_do_not_commute():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(3)
    first, second = (rng.standard_normal((50, 4)) @ rng.standard_normal((4, 4)) for _ in range(2))
    one, two = np.cov(first.T), np.cov(second.T)
    shift = first.mean(0) - second.mean(0)
    expected = shift @ shift + np.trace(one + two - 2 * sqrtm(one @ two).real)
    assert frechet(first, second) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_frechet_is_symmetric_scales_as_a_square_and_does_not_see_a_rotation(seed, scale):
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((30, 3)), 1 + 2 * rng.standard_normal((40, 3))
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    found = frechet(first, second)
    assert frechet(second, first) == pytest.approx(found, rel=1e-8)
    assert frechet(first * scale, second * scale) == pytest.approx(found * scale**2, rel=1e-8)
    assert frechet(first @ turn, second @ turn) == pytest.approx(found, rel=1e-8)
    assert abs(frechet(first, first)) < 1e-10


def test_frechet_of_samples_is_biased_and_the_extrapolation_is_not():
    found, biased, errors = [], [], []
    for seed in range(8):
        first, second = normal(600, 2 * seed), normal(600, 2 * seed + 1)
        result = extrapolated(first, second)
        found.append(result.value)
        errors.append(result.error)
        biased.append(frechet(first, second))
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert abs(np.mean(found)) < 3 * error
    assert np.mean(biased) > 10 * error
    # The quoted error is that of one repetition.
    assert 0.4 < np.mean(errors) / np.std(found, ddof=1) < 2.5


def test_extrapolation_gives_the_closed_form_of_two_normals():
    expected = N_FEATURES * (0.3**2 + (1.2 - 1) ** 2)
    found = [
        frechet_without_bias(
            *(normal(800, 2 * seed), normal(1000, 2 * seed + 1, shift=0.3, width=1.2)),
            np.random.default_rng(seed),
        )
        for seed in range(8)
    ]
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert error < 0.1 * expected
    assert abs(np.mean(found) - expected) < 3 * error


def test_mmd2_of_few_rows_by_hand():
    # Kernel (x y + 1)^2 of x = 1, 2 and y = 0, 3: pairs without the diagonal, against all cross pairs.
    first, second = np.array([[1.0], [2.0]]), np.array([[0.0], [3.0]])
    expected = 9 + 1 - 2 * (1 + 16 + 1 + 49) / 4
    assert mmd2(first, second, degree=2) == pytest.approx(expected)


@pytest.mark.parametrize("degree", [3, 4])
def test_kernel_distance_of_a_shift_is_the_closed_form(degree):
    # MMD^2 = sum_k binomial(degree, k) (E x^k - E y^k)^2 in one dimension.
    def moments(mean):
        return np.array([1, mean, mean**2 + 1, mean**3 + 3 * mean, mean**4 + 6 * mean**2 + 3])

    difference = moments(0.0) - moments(0.5)
    expected = sum(math.comb(degree, k) * difference[k] ** 2 for k in range(degree + 1))
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        first, second = rng.standard_normal((1000, 1)), 0.5 + rng.standard_normal((1000, 1))
        found.append(mmd2(first, second, degree))
    assert abs(np.mean(found) - expected) < 3 * np.std(found, ddof=1) / math.sqrt(10)
    assert np.std(found, ddof=1) < 0.5 * expected


def test_kernel_distance_of_equal_distributions_is_zero_within_its_error():
    pulls, errors, values = [], [], []
    for seed in range(20):
        rng = np.random.default_rng(100 + seed)
        found = kernel_distance(normal(1000, 2 * seed), normal(1200, 2 * seed + 1), rng)
        values.append(found.value)
        errors.append(found.error)
        pulls.append(found.value / found.error)
    assert abs(np.mean(values)) < 3.5 * np.std(values, ddof=1) / math.sqrt(20)
    assert 0.5 < np.mean(errors) / np.std(values, ddof=1) < 2
    shifted = kernel_distance(normal(1000, 1), normal(1000, 2, shift=0.5), np.random.default_rng(0))
    assert shifted.value > 5 * shifted.error


def test_scale_is_that_of_the_first_sample():
    first, second = np.array([[2.0, 0.0], [-4.0, 0.0]]), np.array([[8.0, 3.0]])
    one, two = scaled(first, second)
    np.testing.assert_array_equal(one, [[0.5, 0], [-1, 0]])
    np.testing.assert_array_equal(two, [[2, 3]])


def test_error_of_a_mean_is_that_of_theory():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal(400), rng.standard_normal(400)
    errors = [
        measured(lambda a, b: first[a].mean() - second[b].mean(), 400, 400, np.random.default_rng(s)).error
        for s in range(20)
    ]
    assert np.mean(errors) == pytest.approx(math.sqrt(2 / 400), rel=0.15)
    assert measured(lambda a, b: 1.0, 5, 5, rng).error is None
