"""Distances of reconstructions: closed forms, exact transport by a linear programme, permutations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from resonaut.nn.reconstruction import chamfer, points_of, squared_error, transport


def _exact(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray) -> float:
    """Least cost of carrying a to b, by scipy's linear programme."""
    cost = np.linalg.norm(x[:, None] - y[None], axis=2)
    n, m = cost.shape
    rows, columns = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    return linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([a, b])).fun


def _double(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.tensor(np.asarray(array), dtype=torch.float64) for array in arrays]


def test_squared_error_is_the_mean_over_the_row() -> None:
    first, second = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[1.0, 4.0], [3.0, 1.0]])
    torch.testing.assert_close(squared_error(first, second), torch.tensor([2.0, 5.0]))


def test_chamfer_of_sets_that_can_be_counted_by_hand() -> None:
    first = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    second = torch.tensor([[0.0, 2.0], [1.0, 0.0], [1.0, 0.0]])
    # Nearest squared distances: 1 and 0 from the first set; 4, 0 and 0 from the second.
    assert chamfer(first, second).item() == pytest.approx(0.5 + 4 / 3)


def test_transport_of_two_points_is_their_distance_over_the_radius() -> None:
    x, a, y, b = _double([[0.1, 0.2]], [50.0], [[0.4, 0.6]], [7.0])
    assert transport(x, a, y, b, radius=0.8).item() == pytest.approx(0.5 / 0.8, rel=1e-5)
    # Half of the weight moves by 0.3; a point of weight 0 is not there.
    x, a, y, b = _double([[0, 0], [9, 9]], [3.0, 0.0], [[0, 0], [0.3, 0.0]], [1.0, 1.0])
    assert transport(x, a, y, b, blur=0.002, iterations=300).item() == pytest.approx(0.15, rel=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_transport_tends_to_the_exact_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    x, y = random.normal(0, 0.3, (2, 8, 2))
    a, b = random.dirichlet(np.ones(8), 2)
    exact = _exact(x, a, y, b)
    found = [
        transport(*_double(x, a, y, b), blur=blur, iterations=iterations).item()
        for blur, iterations in ((0.02, 30), (0.002, 1000))
    ]
    assert found[0] == pytest.approx(exact, rel=0.05)
    assert found[1] == pytest.approx(exact, rel=0.005)


def test_transport_of_equal_weights_is_an_assignment() -> None:
    x, y = np.random.default_rng(7).normal(0, 0.3, (2, 12, 2))
    cost = np.linalg.norm(x[:, None] - y[None], axis=2)
    best = cost[linear_sum_assignment(cost)].mean()
    ones = np.ones(12)
    assert transport(*_double(x, ones, y, ones), blur=0.002, iterations=1000).item() == pytest.approx(
        best, rel=0.005
    )


def test_gradient_is_that_of_the_nearly_converged_distance() -> None:
    random = np.random.default_rng(1)
    x, a, y, b = _double(
        *random.normal(0, 0.3, (1, 5, 2)),
        random.dirichlet(np.ones(5)),
        *random.normal(0, 0.3, (1, 5, 2)),
        random.dirichlet(np.ones(5)),
    )

    def value(points: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return transport(x, a, points, weight, blur=0.05, iterations=100)

    torch.autograd.gradcheck(value, (y.requires_grad_(), b.requires_grad_()), eps=1e-5, atol=2e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(6)))
def test_sets_do_not_know_an_order_and_the_squared_error_does(seed: int, order: list[int]) -> None:
    random = np.random.default_rng(seed)
    rows = torch.tensor(np.abs(random.normal(0.2, 0.3, (2, 6, 3))))
    turned = rows[1][list(order)]
    flat = [points.flatten() for points in (rows[0], rows[1], turned)]
    pairs = [points_of(row) for row in flat]
    torch.testing.assert_close(chamfer(rows[0], turned), chamfer(rows[0], rows[1]))
    torch.testing.assert_close(transport(*pairs[0], *pairs[2]), transport(*pairs[0], *pairs[1]))
    # One jet in two orders: the same set, another row.
    assert chamfer(rows[1], turned).item() == 0
    assert abs(transport(*pairs[1], *pairs[2]).item()) < 1e-6
    assert (squared_error(flat[1], flat[2]).item() > 0) == (list(order) != sorted(order))


def test_networks_side_by_side_agree_with_one() -> None:
    x, y = torch.rand(2, 3, 4, 6, 2, generator=torch.Generator().manual_seed(0))
    a, b = torch.rand(2, 3, 4, 6, generator=torch.Generator().manual_seed(1))
    together = torch.func.vmap(transport)(x, a, y, b)
    assert together.shape == (3, 4)
    torch.testing.assert_close(together[1, 2], transport(x[1, 2], a[1, 2], y[1, 2], b[1, 2]))
