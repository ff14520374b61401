"""Attributions against closed forms: linear functions, completeness, Shapley values by enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from resonaut.nn.device import seeded
from resonaut.tag.explain import gradients, shapley
from resonaut.tag.explain.of_constituents import _ranks
from resonaut.tag.explain.of_images import rings
from resonaut.tag.explain.profiles import profile

WEIGHTS = torch.tensor([2.0, -1.0, 0.5, 0.0])


class Linear(nn.Module):
    """w x + 3."""

    def forward(self, values):
        return values @ WEIGHTS + 3


class Masked(nn.Module):
    """Sum of squares of real points, and a product of all of their first columns."""

    def forward(self, values, mask):
        squares = (values.square().sum(dim=2) * mask).sum(dim=1)
        return squares + torch.where(mask, values[..., 0], 1.0).prod(dim=1) * mask.any(dim=1)


def smooth(n_inputs, seed=0):
    with seeded(seed):
        return nn.Sequential(nn.Linear(n_inputs, 16), nn.Softplus(), nn.Linear(16, 1), nn.Flatten(0)).double()


def drawn(*shape, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def test_all_attributions_of_a_linear_function_are_weight_times_distance():
    values, baseline = drawn(7, 4).float(), drawn(1, 4, seed=2).float()
    expected = (WEIGHTS * (values - baseline)).double()
    assert torch.equal(gradients.gradient(Linear(), values).values, WEIGHTS.double().expand(7, 4))
    along = gradients.integrated_gradients(Linear(), values, baseline, 8)
    torch.testing.assert_close(along.values, expected, atol=1e-5, rtol=1e-5)
    many = gradients.expected_gradients(Linear(), values, baseline, 5, seed=3)
    torch.testing.assert_close(many.values, expected, atol=1e-5, rtol=1e-5)
    random = np.random.default_rng(1)
    played = shapley.of_features(Linear(), values, baseline, 3, random)
    np.testing.assert_allclose(played.values, expected, atol=1e-5)
    assert played.standard.max() < 1e-5


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_integrated_gradients_are_complete(seed):
    network, values, baseline = smooth(5, seed), drawn(9, 5, seed=seed), drawn(1, 5, seed=seed + 1)
    found = gradients.integrated_gradients(network, values, baseline, 50)
    with torch.no_grad():
        difference = network(values) - network(baseline)
    torch.testing.assert_close(found.values.sum(dim=1), difference, atol=1e-8, rtol=1e-6)
    assert float(found.gap.abs().max()) < 1e-8


def test_the_gap_is_what_is_missing():
    network, values, baseline = smooth(5), 3 * drawn(9, 5), drawn(1, 5, seed=2)
    for found, whole in (
        (gradients.integrated_gradients(nn.Sequential(network, nn.ReLU()), values, baseline, 8), nn.ReLU()),
    ):
        with torch.no_grad():
            difference = whole(network(values)) - whole(network(baseline))
        torch.testing.assert_close(found.values.sum(dim=1) + found.gap, difference, atol=1e-12, rtol=0)
    assert gradients.share_of_gap([torch.tensor([3.0, 4.0])], [torch.tensor([6.0, 8.0])]) == 0.5


def test_expected_gradients_add_up_on_average_over_the_background():
    network, values, background = smooth(5), drawn(4, 5), drawn(20, 5, seed=9)
    found = gradients.expected_gradients(network, values, background, 3000, seed=3)
    with torch.no_grad():
        difference = network(values) - network(background).mean()
    np.testing.assert_allclose(found.values.sum(dim=1), difference, atol=0.05)


def by_enumeration(value, n):
    """Shapley values of n players, equation 4 of arXiv:1705.07874; value of a tuple of bools."""
    found = np.zeros(n)
    for player in range(n):
        others = [k for k in range(n) if k != player]
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for before in itertools.combinations(others, size):
                present = np.isin(np.arange(n), before)
                with_it = present.copy()
                with_it[player] = True
                found[player] += weight * (value(with_it) - value(present))
    return found


def test_shapley_values_are_those_of_all_orders():
    network, values, background = smooth(5), 2 * drawn(6, 5), drawn(1, 5, seed=8)
    found = shapley.of_features(network, values, background, 400, np.random.default_rng(4))
    with torch.no_grad():
        for row in range(6):
            exact = by_enumeration(
                lambda present, row=row: float(
                    network(torch.where(torch.from_numpy(present), values[row], background[0])[None])
                ),
                5,
            )
            pull = (found.values[row] - exact) / np.maximum(found.standard[row], 1e-9)
            assert np.abs(pull).max() < 4
            assert np.abs(found.values[row] - exact).max() < 0.02 * np.abs(exact).sum()
        whole = network(values).numpy()
    np.testing.assert_allclose(found.values.sum(axis=1) + found.baseline, whole, atol=1e-12)


def test_shapley_values_of_points_take_them_away():
    values = drawn(3, 4, 2)
    mask = torch.tensor([[True] * 4, [True, True, True, False], [True, False, False, False]])
    found = shapley.of_points(Masked(), values, mask, 300, np.random.default_rng(4))
    for row in range(3):
        own, real = values[row : row + 1], mask[row : row + 1]
        exact = by_enumeration(
            lambda present, own=own, real=real: float(Masked()(own, real & torch.from_numpy(present))), 4
        )
        np.testing.assert_allclose(found.values[row], exact, atol=4 * found.standard[row].max() + 1e-9)
    assert (found.values[~mask.numpy()] == 0).all()
    np.testing.assert_allclose(found.values.sum(axis=1), Masked()(values, mask), atol=1e-12)


def test_shares_in_bins_are_those_of_each_jet():
    size = np.array([[1.0, 3.0, 0.0], [2.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
    place = np.array([[0, 1, -1], [1, 1, 0], [0, 0, 0]])
    found = profile(size, place, 3)
    assert found["n"] == 2
    np.testing.assert_allclose(found["share"], [(0.25 + 0.5) / 2, (0.75 + 0.5) / 2, 0])
    np.testing.assert_allclose(found["standard"], [0.125 / math.sqrt(2), 0.125 / math.sqrt(2), 0])


def test_what_lies_outside_has_its_share_of_the_whole():
    found = profile(np.array([[1.0, 3.0]]), np.array([[0, -1]]), 1)
    assert found["share"] == [0.25]


def test_rings_hold_pixels_by_their_distance():
    edges, ring = rings((4, 4), 1.2)
    assert edges[1] == pytest.approx(0.1)
    # Pixel centres at +-0.3 and +-0.9: distances 0.424, 0.949 and, outside, 1.273.
    assert (ring[1, 1], ring[0, 1], ring[0, 0]) == (4, 9, -1)
    assert (ring == ring.T).all()


def test_ranks_follow_pt_whatever_the_order():
    weight = np.array([[0.1, 0.7, 0.2], [0.5, 0.4, 0.0]])
    real = np.array([[True, True, True], [True, True, False]])
    assert _ranks(weight, real).tolist() == [[2, 0, 1], [0, 1, 2]]
