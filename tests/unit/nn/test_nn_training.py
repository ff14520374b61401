"""The engine against closed forms: least squares, the best epoch, its errors and its determinism."""

import logging
import math

import numpy as np
import pytest
import torch
from torch import nn

from resonaut.errors import ConfigError, TrainingError
from resonaut.nn.device import choose, deterministic, seeded
from resonaut.nn.samples import FixedSamples
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import learning_rate, n_parameters, train


def squared_error(network, values):
    inputs, target = values
    return (network(inputs).squeeze(-1) - target).square()


def linear_problem(n_rows=400, seed=3):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n_rows, 3))
    target = inputs @ [1.5, -2.0, 0.5] + 0.7 + rng.normal(scale=0.3, size=n_rows)
    weight = rng.uniform(0.2, 2.0, n_rows)
    return inputs.astype(np.float32), target.astype(np.float32), weight.astype(np.float32)


def settings(**more):
    usual = {"epochs": 60, "batch_size": 50, "learning_rate": 0.05, "device": "cpu"}
    return ScheduledTraining(**{**usual, **more})


def test_linear_network_reaches_weighted_least_squares():
    inputs, target, weight = linear_problem()
    design = np.column_stack([inputs, np.ones(len(inputs))]).astype(float)
    exact = np.linalg.solve(design.T @ (weight[:, None] * design), design.T @ (weight * target))
    samples = FixedSamples(inputs, target, weight=weight / weight.mean())
    network = nn.Linear(3, 1)
    history = train(network, samples, samples, squared_error, settings(patience=60), seed=1, where="test")
    found = np.append(network.weight.detach().numpy(), network.bias.detach().numpy())
    np.testing.assert_allclose(found, exact, atol=2e-3)
    residual = float(np.average((design @ exact - target) ** 2, weights=weight))
    assert history.epochs[-1].validation_loss == pytest.approx(residual, rel=1e-3)
    assert n_parameters(network) == 4


def test_early_stopping_keeps_the_best_epoch():
    """The validation wants the opposite of the training, so the first epoch is the best one."""
    inputs, target, _ = linear_problem()
    losses = []

    def watched(network, values):
        loss = squared_error(network, values)
        if not network.training:
            losses.append(float(loss.mean()))
        return loss

    network = nn.Linear(3, 1)
    history = train(
        network,
        FixedSamples(inputs, target),
        FixedSamples(inputs, -target),
        watched,
        settings(patience=4, batch_size=400, schedule="constant"),
        seed=1,
        where="test",
    )
    assert history.best_epoch == 1
    assert len(history.epochs) == 5
    kept = float(squared_error(network, (torch.tensor(inputs), torch.tensor(-target))).mean().detach())
    assert kept == pytest.approx(losses[0], rel=1e-6)
    assert kept < losses[-1]


def test_one_cycle_is_trained_to_its_end():
    inputs, target, _ = linear_problem()
    training, validation = FixedSamples(inputs, target), FixedSamples(inputs, -target)
    chosen = settings(patience=2, epochs=9, batch_size=400, schedule="one_cycle")
    history = train(nn.Linear(3, 1), training, validation, squared_error, chosen, seed=1, where="test")
    assert len(history.epochs) == 9
    assert history.best_epoch < 7


def test_nan_loss_names_epoch_and_key():
    inputs, target, _ = linear_problem()
    calls = []

    def breaks_later(network, values):
        calls.append(network.training)
        factor = math.nan if sum(calls) > 8 + 3 else 1.0
        return squared_error(network, values) * factor

    with pytest.raises(TrainingError, match=r"tag\.pfn: the training loss is nan in epoch 2.*learning_rate"):
        train(
            nn.Linear(3, 1),
            FixedSamples(inputs, target),
            FixedSamples(inputs, target),
            breaks_later,
            settings(),
            seed=1,
            where="tag.pfn",
        )


def test_no_rows_is_an_error():
    inputs, target, _ = linear_problem()
    with pytest.raises(TrainingError, match="no validation rows"):
        train(
            nn.Linear(3, 1),
            FixedSamples(inputs, target),
            FixedSamples(inputs[:0], target[:0]),
            squared_error,
            settings(),
            seed=1,
            where="test",
        )


def test_two_runs_give_the_same_bits_and_another_seed_does_not():
    inputs, target, _ = linear_problem()

    def once(seed):
        with deterministic(1):
            with seeded(5):
                network = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))
            samples = FixedSamples(inputs, target)
            history = train(
                *(network, samples, samples, squared_error, settings(epochs=4)), seed=seed, where="test"
            )
        return [p.detach().numpy().tobytes() for p in network.parameters()], history

    torch.manual_seed(99)
    first = once(1)
    torch.manual_seed(100)
    assert once(1) == first
    assert once(2) != first


def test_training_leaves_the_random_state_alone():
    inputs, target, _ = linear_problem()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    samples = FixedSamples(inputs, target)
    network = nn.Linear(3, 1)
    torch.manual_seed(7)
    train(network, samples, samples, squared_error, settings(epochs=1), seed=1, where="test")
    assert torch.equal(torch.rand(3), expected)


def test_one_log_line_per_epoch(caplog):
    inputs, target, _ = linear_problem()
    samples = FixedSamples(inputs, target)
    with caplog.at_level(logging.INFO, logger="resonaut"):
        train(
            *(nn.Linear(3, 1), samples, samples, squared_error, settings(epochs=3)), seed=1, where="tag.pfn"
        )
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(",")[0] for line in lines] == [f"tag.pfn: epoch {n} of 3" for n in (1, 2, 3)]


def test_cosine_falls_from_the_full_rate_to_nothing():
    cosine = settings(learning_rate=0.2)
    assert [learning_rate(cosine, x) for x in (0, 0.5, 1)] == pytest.approx([0.2, 0.1, 0.0])
    assert learning_rate(settings(schedule="constant", learning_rate=0.2), 0.9) == 0.2


def test_absent_device_names_those_that_are_there():
    if torch.backends.mps.is_available():
        pytest.skip("this machine has mps")
    with pytest.raises(ConfigError, match=r"training\.device: 'mps' is wanted, this machine has .*cpu"):
        choose("mps")
    assert choose("cpu").type == "cpu"


def test_deterministic_restores_what_it_changed():
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )
    with deterministic(1):
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
    after = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )
    assert after == before
