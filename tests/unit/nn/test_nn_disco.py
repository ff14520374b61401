"""Distance correlation: closed forms, a plain numpy formula, its gradient, and what it does to a training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resonaut.nn import ensemble
from resonaut.nn.disco import DistanceCorrelation, squared
from resonaut.nn.settings import TrainingSettings


def plain(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """dCorr^2 as arXiv:0803.4101 writes it, with all matrices."""
    p = weight / weight.sum()
    centred = []
    for values in (x, y):
        distance = np.abs(values[:, None] - values)
        mean = distance @ p
        centred.append(distance - mean[:, None] - mean + p @ mean)
    pairs = np.outer(p, p)
    x_y, x_x, y_y = ((pairs * centred[i] * centred[j]).sum() for i, j in ((0, 1), (0, 0), (1, 1)))
    return x_y / np.sqrt(x_x * y_y)


def lines(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(np.atleast_2d(array)) for array in arrays]


def test_a_linear_function_has_1_and_a_constant_0() -> None:
    x = np.random.default_rng(1).normal(size=200)
    value, slope = squared(
        *lines(np.stack([x, x, x, np.full(200, 0.3)]), np.stack([x, 7 - 3e3 * x, x * 0 + 2, x]))
    )
    np.testing.assert_allclose(value, [1, 1, 0, 0], atol=1e-12)
    # 1 is the maximum, and of a constant there is nothing to learn.
    np.testing.assert_allclose(slope, 0, atol=1e-12)


def test_two_points_of_two_variables_are_a_closed_form() -> None:
    """Of two binary variables it is the square of their correlation: phi^2 of the table of counts."""
    counts = np.array([[30.0, 10.0], [20.0, 40.0]])
    x, y = (
        np.repeat([0.0, 0.0, 1.0, 1.0], counts.ravel().astype(int)),
        np.concatenate([np.repeat([5.0, 9.0], row.astype(int)) for row in counts]),
    )
    phi = np.linalg.det(counts) / np.sqrt(np.prod(counts.sum(0)) * np.prod(counts.sum(1)))
    value, _ = squared(*lines(x, y))
    assert float(value[0]) == pytest.approx(phi**2, rel=1e-12)


def test_independent_variables_have_a_value_of_the_order_of_one_over_n() -> None:
    random = np.random.default_rng(2)
    value, _ = squared(*lines(random.normal(size=(20, 800)), random.exponential(size=(20, 800))))
    assert 0 < float(value.mean()) < 6 / 800
    # Uncorrelated, yet dependent: the square of a symmetric variable.
    x = random.normal(size=800)
    assert abs(np.corrcoef(x, x**2)[0, 1]) < 0.1
    assert float(squared(*lines(x, x**2))[0]) > 0.2


def test_weighted_value_and_gradient_are_those_of_the_plain_formula() -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(3, 40))
    y = x**2 + random.normal(size=(3, 40)) * np.array([[0.1], [1.0], [10.0]])
    weight = random.random((3, 40))
    weight[1, 25:] = 0
    value, slope = squared(*lines(x, y, weight))
    np.testing.assert_allclose(value, [plain(*line) for line in zip(x, y, weight, strict=True)], rtol=1e-10)
    step = 1e-6
    for column in range(0, 40, 3):
        moved = []
        for sign in (1, -1):
            shifted = x.copy()
            shifted[:, column] += sign * step
            moved.append([plain(*line) for line in zip(shifted, y, weight, strict=True)])
        expected = (np.array(moved[0]) - np.array(moved[1])) / (2 * step)
        np.testing.assert_allclose(slope[:, column], expected, atol=1e-8)
    # Rows of weight 0, the padding of a batch, count for nothing.
    short, its_slope = squared(*lines(x[1, :25], y[1, :25], weight[1, :25]))
    np.testing.assert_allclose(short, value[1:2], rtol=1e-12)
    np.testing.assert_allclose(its_slope[0], slope[1, :25], atol=1e-14)
    assert not slope[1, 25:].any()


def test_single_precision_of_scores_close_to_each_other() -> None:
    """Scores at the start of a training differ in the third digit; masses are thousands of GeV."""
    random = np.random.default_rng(4)
    mass = random.exponential(700, (4, 512)) + 2500
    score = 0.5 + 1e-3 * (random.normal(size=(4, 512)) + mass / 1000)
    exact = squared(*lines(score, mass))
    found = squared(*(tensor.float() for tensor in lines(score, mass)))
    np.testing.assert_allclose(found[0], exact[0], rtol=1e-3)
    np.testing.assert_allclose(found[1], exact[1], atol=1e-2 * float(exact[1].abs().max()))


def test_the_gradient_through_the_logits_is_that_of_autograd() -> None:
    random = np.random.default_rng(5)
    mass = torch.from_numpy(random.normal(size=60))
    rows = torch.from_numpy(random.permutation(60)[None, :30])
    output = torch.from_numpy(random.normal(size=(1, 30, 1))).requires_grad_()
    weight = torch.from_numpy(random.random((1, 30)))
    value, slope = DistanceCorrelation(mass, 2.5)(output.detach(), rows, weight)

    def distances(values: torch.Tensor) -> torch.Tensor:
        p = weight[0] / weight.sum()
        distance = (values[:, None] - values).abs()
        mean = distance @ p
        return distance - mean[:, None] - mean + p @ mean

    pairs = weight[0, :, None] * weight[0] / weight.sum() ** 2
    a, b = distances(torch.sigmoid(output[0, :, 0])), distances(mass[rows[0]])
    expected = 2.5 * (pairs * a * b).sum() / ((pairs * a * a).sum() * (pairs * b * b).sum()).sqrt()
    expected.backward()
    assert float(value[0]) == pytest.approx(float(expected.detach()), rel=1e-10)
    np.testing.assert_allclose(slope, output.grad, atol=1e-12)


def test_a_training_with_it_gives_up_what_follows_the_variable() -> None:
    """Of two inputs that tell the classes apart one is the variable: it is given up, the other stays."""
    random = np.random.default_rng(6)
    n = 1500
    mass, other = random.normal(size=(2, n))
    target = (mass + other + random.logistic(size=n) > 0).astype(np.int64)
    table = np.stack([mass, other], axis=1).astype(np.float32)
    samples = [ensemble.Sample(np.arange(start, n, 2), np.ones(n // 2), target[start::2]) for start in (0, 1)]
    settings = TrainingSettings(epochs=40, batch_size=125, learning_rate=1e-2, device="cpu")
    found = []
    for strength in (0.0, 1.0):
        penalty = DistanceCorrelation(torch.from_numpy(mass), strength) if strength else None
        trained = ensemble.train(
            *(torch.from_numpy(table), samples, [ensemble.Member(1, 0, 1)], (16,), "cross_entropy", settings),
            average=True,
            penalty=penalty,
        )
        score = trained.scores(torch.from_numpy(table), [0], np.arange(n))[0].astype(np.float64)
        found.append((plain(score, mass, np.ones(n)), np.corrcoef(score, table[:, 1])[0, 1]))
    (free, _), (decorrelated, with_the_other) = found
    assert free > 0.25
    assert decorrelated < 0.15 * free
    assert with_the_other > 0.8
