"""Shapley values by drawn orders, of any function: what a player adds, averaged over who is there before it.

phi_i = mean over orders of v(those before i, and i) - v(those before i)     (Shapley 1953; arXiv:1705.07874,
equation 4). Orders are drawn, each with its reverse, and the values of absent features are those of drawn
background rows (arXiv:1908.08474, random baselines): every pair of orders adds up to f(x) - f(background)
exactly, and the mean is unbiased.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

Value = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Shapley:
    """Shapley values of rows.

    Attributes:
        values: (n_rows, n_players).
        standard: (n_rows, n_players) standard errors, from the spread of the draws.
        baseline: (n_rows,) mean value without players.
    """

    values: np.ndarray
    standard: np.ndarray
    baseline: np.ndarray


def of_features(
    function: Callable[[Tensor], Tensor],
    rows: Tensor,
    background: Tensor,
    n_draws: int,
    random: np.random.Generator,
) -> Shapley:
    """Shapley values of the columns of rows.

    Args:
        function: (n,) of (n, n_features).
        rows: (n, n_features).
        background: (m, n_features), of which absent features take their values.
        n_draws: pairs of orders.
    """

    def draw() -> Value:
        other = background[torch.from_numpy(random.integers(0, len(background), len(rows)))]
        return lambda present: function(torch.where(present, rows, other))

    return _sampled(draw, len(rows), np.full(len(rows), rows.shape[1]), n_draws, random)


def of_points(
    function: Callable[[Tensor, Tensor], Tensor],
    values: Tensor,
    mask: Tensor,
    n_draws: int,
    random: np.random.Generator,
) -> Shapley:
    """Shapley values of the constituents of jets: an absent one is masked.

    Args:
        function: (n,) of values (n, n_constituents, n_features) and mask (n, n_constituents).
        n_draws: pairs of orders.
    """
    lengths = mask.sum(dim=1).numpy()
    return _sampled(
        lambda: lambda present: function(values, mask & present), len(values), lengths, n_draws, random
    )


def _sampled(
    draw: Callable[[], Value], n_rows: int, lengths: np.ndarray, n_draws: int, random: np.random.Generator
) -> Shapley:
    n_players = int(lengths.max(initial=1))
    total, square = np.zeros((n_rows, n_players)), np.zeros((n_rows, n_players))
    baseline = np.zeros(n_rows)
    real = np.arange(n_players) < lengths[:, None]
    with torch.no_grad():
        for _ in range(n_draws):
            # Players that a row does not have come last, and add nothing.
            keys = np.where(real, random.random((n_rows, n_players)), 2.0)
            forward = np.argsort(keys, axis=1, kind="stable")
            backward = np.argsort(np.where(real, -keys, 2.0), axis=1, kind="stable")
            value = draw()
            pair = [_added(value, order) for order in (forward, backward)]
            found = (pair[0][0] + pair[1][0]) / 2
            total += found
            square += found**2
            baseline += pair[0][1]
    mean = total / n_draws
    spread = np.sqrt(np.maximum(square / n_draws - mean**2, 0) / (n_draws - 1))
    return Shapley(mean * real, spread * real, baseline / n_draws)


def _added(value: Value, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each player adds when players come in this order, (n_rows, n_players); the value of none."""
    rows = np.arange(len(order))
    present = torch.zeros(order.shape, dtype=torch.bool)
    first = before = value(present).double().numpy()
    found = np.empty(order.shape)
    for step in range(order.shape[1]):
        present[rows, order[:, step]] = True
        after = value(present).double().numpy()
        found[rows, order[:, step]] = after - before
        before = after
    return found, first
