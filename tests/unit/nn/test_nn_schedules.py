"""Learning rates, running means of weights and clipped gradients against closed forms and torch's own."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from resonaut.nn.averaging import WeightAverage
from resonaut.nn.samples import FixedSamples
from resonaut.nn.schedules import learning_rate
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import train


def settings(**more):
    return ScheduledTraining(**{"learning_rate": 0.2, "device": "cpu", **more})


def test_warm_up_is_a_line_and_the_cosine_follows():
    cosine = settings(warm_up=0.25)
    found = [learning_rate(cosine, x) for x in (0, 0.125, 0.25, 0.5, 0.625, 1)]
    third = 0.1 * (1 + math.cos(math.pi / 3))
    assert found == pytest.approx([0, 0.1, 0.2, third, 0.1, 0])
    constant = settings(warm_up=0.5, schedule="constant")
    assert [learning_rate(constant, x) for x in (0.25, 0.5, 1)] == pytest.approx([0.1, 0.2, 0.2])


@pytest.mark.parametrize("warm_up", [None, 0.1])
def test_one_cycle_is_that_of_torch(warm_up):
    n_steps = 40
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.2)
    rise = 0.3 if warm_up is None else warm_up
    # Torch's peak is at step pct_start * total - 1, its end at total - 1.
    torchs = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 0.2, total_steps=n_steps + 1, pct_start=(rise * n_steps + 1) / (n_steps + 1)
    )
    expected = []
    for _ in range(n_steps + 1):
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        torchs.step() if len(expected) <= n_steps else None
    cycle = settings(schedule="one_cycle", warm_up=warm_up)
    found = [learning_rate(cycle, step / n_steps) for step in range(n_steps + 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert max(found) == pytest.approx(0.2)


def test_one_cycle_without_a_rise_is_refused():
    with pytest.raises(ValidationError, match="one_cycle needs a rise"):
        settings(schedule="one_cycle", warm_up=0)


def test_mean_of_weights_is_the_weighted_sum():
    decay = 0.8
    network = nn.Linear(2, 1)
    mean = WeightAverage(network, decay)
    rng = np.random.default_rng(1)
    values = rng.normal(size=(7, 2))
    for row in values:
        with torch.no_grad():
            network.weight.copy_(torch.tensor(row[None]))
        mean.update()
    weights = decay ** np.arange(6, -1, -1.0)
    expected = weights @ values / weights.sum()
    with mean.in_place():
        np.testing.assert_allclose(network.weight.detach().numpy()[0], expected, rtol=1e-6)
    np.testing.assert_allclose(network.weight.detach().numpy()[0], values[-1], rtol=1e-6)


def linear_problem(n_rows=64):
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(n_rows, 2)).astype(np.float32)
    return inputs, (inputs @ [1.0, -2.0]).astype(np.float32)


def squared_error(network, values):
    inputs, target = values
    return (network(inputs).squeeze(-1) - target).square()


def test_training_keeps_and_validates_the_mean_weights():
    """One batch per epoch: weights after each are recorded, and the mean of them is what is kept."""
    inputs, target = linear_problem()
    seen = []

    def watched(network, values):
        if network.training:
            seen.append(network.weight.detach().clone())
        return squared_error(network, values)

    samples = FixedSamples(inputs, target)
    chosen = settings(epochs=4, batch_size=64, ema=0.5, schedule="constant", learning_rate=0.1)
    network = nn.Linear(2, 1, bias=False)
    history = train(network, samples, samples, watched, chosen, seed=1, where="test")
    assert history.best_epoch == 4
    other = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        other.weight.copy_(seen[0])
    plain = settings(epochs=4, batch_size=64, schedule="constant", learning_rate=0.1)
    train(other, samples, samples, squared_error, plain, seed=1, where="test")
    steps = [*seen[1:], other.weight.detach()]
    expected = sum(0.5 ** (3 - i) * w for i, w in enumerate(steps)) / sum(0.5**i for i in range(4))
    torch.testing.assert_close(network.weight.detach(), expected, rtol=1e-5, atol=1e-6)
    kept = float(squared_error(network, (torch.tensor(inputs), torch.tensor(target))).mean().detach())
    assert history.epochs[-1].validation_loss == pytest.approx(kept, rel=1e-5)


def test_gradients_are_clipped_to_a_length(monkeypatch):
    inputs, target = linear_problem()
    norms = []
    step = torch.optim.AdamW.step

    def watched(self, *arguments, **more):
        gradients = [p.grad.flatten() for group in self.param_groups for p in group["params"]]
        norms.append(float(torch.cat(gradients).norm()))
        return step(self, *arguments, **more)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    samples = FixedSamples(inputs, 100 * target)

    def run(clip_norm):
        norms.clear()
        torch.manual_seed(1)
        train(
            *(nn.Linear(2, 1), samples, samples, squared_error),
            settings(epochs=1, batch_size=16, clip_norm=clip_norm),
            seed=1,
            where="test",
        )
        return list(norms)

    assert min(run(None)) > 10
    assert run(0.5) == pytest.approx([0.5] * 4, rel=1e-4)
