"""bfloat16 only where a batch agrees with full precision; compiled networks give the same training."""

import logging
import shutil

import numpy as np
import pytest
import torch
from torch import nn

from resonaut.errors import ConfigError
from resonaut.nn import precision
from resonaut.nn.precision import agreed_dtype
from resonaut.nn.samples import FixedSamples
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import train

CPU = torch.device("cpu")


def settings(**more):
    return ScheduledTraining(
        **{"epochs": 2, "batch_size": 64, "learning_rate": 0.01, "device": "cpu", **more}
    )


def problem():
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(256, 5)).astype(np.float32)
    return FixedSamples(inputs, (inputs.sum(1) > 0).astype(np.float32))


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 1))


def cross_entropy(net, values):
    inputs, label = values
    return nn.functional.binary_cross_entropy_with_logits(net(inputs).squeeze(-1), label, reduction="none")


def test_auto_is_full_precision_without_cuda():
    first = problem().take(torch.arange(64))
    for choice in ("auto", "float32"):
        assert agreed_dtype(network(), cross_entropy, first, settings(precision=choice), CPU, "t") is None


def test_a_network_that_agrees_trains_in_bfloat16():
    net, seen = network(), []
    first = problem().take(torch.arange(64))
    assert agreed_dtype(net, cross_entropy, first, settings(precision="bf16"), CPU, "t") == torch.bfloat16
    assert net[2].p == 0.5
    assert all(parameter.grad is None for parameter in net.parameters())

    def watched(n, values):
        seen.append(n(values[0]).dtype)
        return cross_entropy(n, values)

    histories = [
        train(network(), problem(), problem(), loss, settings(precision=choice), seed=1, where="t")
        for loss, choice in ((watched, "bf16"), (cross_entropy, "float32"))
    ]
    assert seen[-1] == torch.bfloat16
    rough, fine = ([epoch.validation_loss for epoch in history.epochs] for history in histories)
    assert rough == pytest.approx(fine, rel=0.02)
    assert rough != fine


def test_a_loss_that_needs_digits_falls_back_with_a_warning(caplog):
    """A small difference of large numbers is lost in 8 bits."""

    def delicate(net, values):
        large = 1000 + net(values[0]).squeeze(-1)
        return (large - 1000.0 - values[1]).square()

    first = problem().take(torch.arange(64))
    with caplog.at_level(logging.WARNING, logger="resonaut"):
        found = agreed_dtype(network(), delicate, first, settings(precision="bf16"), CPU, "tag.toy")
    assert found is None
    assert "tag.toy: bfloat16 changes the losses of a batch by" in caplog.text
    assert "full precision is used" in caplog.text


def test_what_overflows_falls_back_too():
    def overflow(net, values):
        value = cross_entropy(net, values)
        return value * torch.inf if net(values[0]).dtype == torch.bfloat16 else value

    first = problem().take(torch.arange(64))
    assert agreed_dtype(network(), overflow, first, settings(precision="bf16"), CPU, "t") is None


def test_compiled_training_is_the_eager_one():
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    histories, weights = [], []
    for choice in ("off", "on"):
        torch.manual_seed(1)
        # No bias: its gradient below a batch normalisation is rounding, which Adam makes a full step.
        net = nn.Sequential(nn.Linear(5, 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))
        chosen = settings(compile=choice, epochs=1)
        histories.append(train(net, problem(), problem(), cross_entropy, chosen, seed=1, where="t"))
        weights.append(net.state_dict())
    for ours, theirs in zip(histories[1].epochs, histories[0].epochs, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-5)
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=1e-5)
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-4, atol=1e-5)


def test_a_network_that_cannot_be_compiled(monkeypatch, caplog):
    class Broken(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, values):
            raise RuntimeError("no C compiler\nand more lines")

    monkeypatch.setattr(torch, "compile", Broken)
    first, net = problem().take(torch.arange(64)), network()
    with pytest.raises(ConfigError, match=r"tag\.toy\.training\.compile: .*\(no C compiler\)"):
        precision.compiled(net, cross_entropy, first, settings(compile="on"), CPU, None, "tag.toy")
    # As on a GPU, where "auto" tries; the computation itself stays where it is.
    monkeypatch.setattr(precision, "seeded", lambda seed, device: torch.random.fork_rng(devices=[]))
    with caplog.at_level(logging.WARNING, logger="resonaut"):
        cuda = torch.device("cuda")
        found = precision.compiled(net, cross_entropy, first, settings(compile="auto"), cuda, None, "tag.toy")
    assert found is net
    assert "tag.toy: goes on without torch.compile, which failed: no C compiler" in caplog.text
