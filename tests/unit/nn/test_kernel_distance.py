"""Maximum mean discrepancy against closed forms."""

import math

import pytest
import torch

from resonaut.nn.kernel_distance import mmd, sorted_kernel_mmd


def expected_kernel(shift, variance, width, d):
    """Mean of exp(-|x - y|^2 / (2 width^2)) where x - y is normal with this mean and variance per axis."""
    total = width**2 + variance
    return (width**2 / total) ** (d / 2) * math.exp(-(shift**2) / (2 * total))


def test_mmd_of_two_normals_is_its_closed_form():
    torch.manual_seed(1)
    n, widths, shift, scale = 200, (0.7, 2.0), 0.8, 1.5
    x = torch.randn(100, n, 2, dtype=torch.float64)
    y = torch.randn(100, n, 2, dtype=torch.float64) * scale
    y[..., 0] += shift
    expected = sum(
        expected_kernel(0, 2, w, 2)
        + expected_kernel(0, 2 * scale**2, w, 2)
        - 2 * expected_kernel(shift, 1 + scale**2, w, 2)
        for w in widths
    ) / len(widths)
    assert expected > 0.02
    assert float(mmd(x, y, widths, unbiased=True).mean()) == pytest.approx(expected, abs=0.006)
    # The pairs of a point with itself add (1 - mean kernel) / n of each sample.
    difference = mmd(x, y, widths) - mmd(x, y, widths, unbiased=True)
    assert (difference > 0).all()
    assert (difference < 2 / n).all()


def test_equal_samples_have_no_distance_and_leading_axes_are_apart():
    torch.manual_seed(2)
    x, y = torch.randn(4, 30, 3), torch.randn(4, 50, 3)
    torch.testing.assert_close(mmd(x, x), torch.zeros(4), atol=1e-6, rtol=0)
    torch.testing.assert_close(mmd(x, y), torch.stack([mmd(*pair) for pair in zip(x, y, strict=True)]))


def test_sorted_kernel_distance_sees_energies_and_not_places():
    torch.manual_seed(3)
    x = torch.rand(3, 200)
    moved = x[:, torch.randperm(200)]
    options = {"n_largest": 150, "window": 20, "stride": 10, "width": 0.1}
    torch.testing.assert_close(sorted_kernel_mmd(x, moved, **options), torch.zeros(3), atol=1e-6, rtol=0)
    constant = torch.full((2, 200), 0.3)
    expected = 2 - 2 * math.exp(-(0.15**2) / (2 * 0.1**2))
    found = sorted_kernel_mmd(constant, constant + 0.15, **options)
    torch.testing.assert_close(found, torch.full((2,), expected))


def test_sorted_kernel_distance_counts_the_largest_cells_only():
    x = torch.linspace(0, 1, 100).repeat(1, 1)
    y = x.clone()
    y[:, :50] = 0
    options = {"window": 10, "stride": 10, "width": 0.05}
    assert float(sorted_kernel_mmd(x, y, n_largest=50, **options)) == pytest.approx(0, abs=1e-6)
    assert float(sorted_kernel_mmd(x, y, n_largest=100, **options)) > 0.2
