"""What a training does when a loss is not finite, and when memory runs out."""

import logging
import math
import re

import numpy as np
import pytest
import torch
from torch import nn

from resonaut.errors import TrainingError
from resonaut.nn import checkpoint
from resonaut.nn.samples import FixedSamples, RaggedSamples
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import train

N_ROWS = 96


def problem():
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(N_ROWS, 3)).astype(np.float32)
    return inputs, (inputs @ [1.0, -2.0, 0.5]).astype(np.float32)


def squared_error(network, values):
    inputs, target = values
    return (network(inputs).squeeze(-1) - target).square()


def settings(**more):
    usual = {"epochs": 3, "batch_size": 32, "learning_rate": 0.05, "device": "cpu", "schedule": "constant"}
    return ScheduledTraining(**{**usual, **more})


def trained(loss, chosen, **more):
    torch.manual_seed(1)
    network = nn.Linear(3, 1)
    samples = FixedSamples(*problem())
    history = train(network, samples, samples, loss, chosen, seed=1, where="tag.toy", **more)
    return network, history


def test_one_bad_loss_goes_back_an_epoch_with_half_the_rate(caplog):
    """The spoilt epoch leaves no trace: as if the second epoch had begun with half the rate."""
    calls = []

    def once_bad(network, values):
        calls.append(network.training)
        factor = math.nan if network.training and sum(calls) == 5 else 1.0
        return squared_error(network, values) * factor

    with caplog.at_level(logging.WARNING, logger="resonaut"):
        network, history = trained(once_bad, settings())
    assert "goes back to the end of epoch 1, once, with half the learning rate" in caplog.text
    rates = []

    class Halved(torch.optim.AdamW):
        def step(self, *arguments):
            self.param_groups[0]["lr"] *= 1.0 if len(rates) < 3 else 0.5
            rates.append(self.param_groups[0]["lr"])
            return super().step(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", Halved)
        expected, expected_history = trained(squared_error, settings())
    assert rates == pytest.approx([0.05] * 3 + [0.025] * 6)
    assert torch.equal(network.weight, expected.weight)
    assert history == expected_history


def test_bad_again_is_an_error_that_names_the_saved_batch(tmp_path):
    """Row 40 is infinite: the saved batch holds it, and its rows are those of the samples."""
    inputs, target = problem()
    inputs[40] = np.inf
    weight = np.linspace(0.5, 1.5, N_ROWS)
    samples = FixedSamples(inputs, target, weight=weight)
    good = FixedSamples(*problem())
    with pytest.raises(TrainingError, match=r"the training loss is (nan|inf) in epoch 1") as caught:
        train(
            *(nn.Linear(3, 1), samples, good, squared_error, settings()),
            seed=1,
            where="tag.toy",
            checkpoint_folder=tmp_path,
        )
    path = re.search(r"are in (\S+)\.$", str(caught.value)).group(1)
    assert path.startswith(str(tmp_path))
    tensors, description = checkpoint.read(path)
    rows = tensors["batch/rows"].numpy()
    assert 40 in rows
    np.testing.assert_array_equal(tensors["batch/values/0"].numpy(), inputs[rows])
    np.testing.assert_array_equal(tensors["batch/weight"].numpy(), weight[rows].astype(np.float32))
    assert description["epoch"] == 1


def test_a_bad_validation_loss_counts_as_well():
    inputs, target = problem()
    target[7] = np.nan
    with pytest.raises(TrainingError, match="the validation loss is nan in epoch 1"):
        train(
            *(nn.Linear(3, 1), FixedSamples(*problem()), FixedSamples(inputs, target), squared_error),
            settings(),
            seed=1,
            where="tag.toy",
        )


@pytest.mark.parametrize("largest", [20, 5, 1])
def test_out_of_memory_cuts_batches_and_changes_nothing_but_rounding(largest, caplog):
    sizes = []

    def bounded(network, values):
        if len(values[0]) > largest:
            raise torch.OutOfMemoryError("no memory")
        sizes.append(len(values[0]))
        return squared_error(network, values)

    whole, whole_history = trained(squared_error, settings(clip_norm=2.0))
    with caplog.at_level(logging.WARNING, logger="resonaut"):
        cut, history = trained(bounded, settings(clip_norm=2.0))
    pieces = {20: 2, 5: 8, 1: 32}[largest]
    assert f"each batch is passed in {pieces} pieces" in caplog.text
    assert max(sizes) <= largest
    torch.testing.assert_close(cut.weight, whole.weight, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(history.epochs, whole_history.epochs, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-5)
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=1e-5)


def test_memory_that_runs_out_in_the_backward_pass_leaves_no_gradient_behind():
    failures = []

    class Bounded(torch.autograd.Function):
        @staticmethod
        def forward(context, values):
            return values.clone()

        @staticmethod
        def backward(context, gradient):
            if len(gradient) > 8:
                failures.append(len(gradient))
                raise torch.OutOfMemoryError("no memory")
            return gradient

    whole, _ = trained(squared_error, settings())
    cut, _ = trained(lambda n, v: Bounded.apply(squared_error(n, v)), settings())
    assert failures == [32, 16]
    torch.testing.assert_close(cut.weight, whole.weight, rtol=1e-5, atol=1e-6)


def test_padded_batches_are_cut_too():
    rng = np.random.default_rng(5)
    counts = rng.integers(0, 6, 60)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    flat = rng.normal(size=(offsets[-1], 2)).astype(np.float32)
    samples = RaggedSamples(flat, offsets, rng.normal(size=60).astype(np.float32))

    def loss(network, values):
        padded, mask, target = values
        return ((network(padded).squeeze(-1) * mask).sum(1) - target).square()

    def bounded(network, values):
        if len(values[0]) > 4:
            raise torch.OutOfMemoryError("no memory")
        return loss(network, values)

    networks = []
    for function in (loss, bounded):
        torch.manual_seed(2)
        networks.append(nn.Linear(2, 1))
        train(networks[-1], samples, samples, function, settings(), seed=1, where="test")
    torch.testing.assert_close(networks[0].weight, networks[1].weight, rtol=1e-5, atol=1e-6)


def test_too_little_memory_for_one_row_is_an_error():
    def never(network, values):
        raise torch.OutOfMemoryError("no memory")

    with pytest.raises(TrainingError, match=r"tag\.toy: memory runs out with a single row"):
        trained(never, settings())
